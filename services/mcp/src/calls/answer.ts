import type { OrderRefused } from '@fluxgate/operations'

/** A tool's answer: data with the same as text, or a problem that the model can act on. */
export type ToolAnswer<T> =
  | { readonly ok: true; readonly data: T; readonly text: string }
  | { readonly ok: false; readonly problem: string }

export function answered<T>(data: T, text: string | readonly string[]): ToolAnswer<T> {
  return { ok: true, data, text: typeof text === 'string' ? text : text.join('\n') }
}

export function problem(text: string): ToolAnswer<never> {
  return { ok: false, problem: text }
}

/** An order that was not carried out, with a hint where the state can be seen. */
export function refusedOrder({ error }: OrderRefused, hint: string): ToolAnswer<never> {
  return problem(
    error.code === 'invalid' || error.code === 'forbidden' ? error.message : `${error.message} ${hint}`,
  )
}
