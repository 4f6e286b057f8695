/** What a tool says: data with the same in readable words, or a problem that the model can act on. */
export type ToolAnswer<T> =
  | { readonly ok: true; readonly data: T; readonly text: string }
  | { readonly ok: false; readonly problem: string }

export function answered<T>(data: T, text: string | readonly string[]): ToolAnswer<T> {
  return { ok: true, data, text: typeof text === 'string' ? text : text.join('\n') }
}

export function problem(text: string): ToolAnswer<never> {
  return { ok: false, problem: text }
}
