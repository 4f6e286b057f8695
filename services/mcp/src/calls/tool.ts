import type { Actor, OrderName, OrderRefused } from '@fluxgate/operations'
import type { ToolAnnotations } from '@modelcontextprotocol/server'
import type { z } from 'zod'
import type { Backends, Call } from '../backends/index.ts'

/** What a tool changes; clients show it, and ask a person before a destructive call. */
const EFFECTS = {
  reads: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  /** Doing it twice changes no more than doing it once. */
  setsRight: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  /** Adds to the record, and changes nothing that is in force. */
  notes: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  acts: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
} satisfies Record<string, ToolAnnotations>

interface ToolTexts {
  readonly name: string
  readonly title: string
  /** For a model: what it returns or does, and when to use it. */
  readonly description: string
}

export interface ToolDefinition<In extends z.ZodObject, Out extends z.ZodObject> extends ToolTexts {
  readonly effect: keyof typeof EFFECTS
  /** The order that the tool gives; absent: it reads. */
  readonly order?: OrderName
  /** It may read much of the log: few run at once, and they may take longer. */
  readonly long?: true
  readonly input: In
  readonly output: Out
  answer(args: z.output<In>, backends: Backends, call: Call): Promise<ToolAnswer<z.input<Out>>>
}

/** A tool whose argument and answer types are known to itself alone. */
export interface Tool extends ToolTexts {
  readonly annotations: ToolAnnotations
  readonly long: boolean
  readonly order: OrderName | undefined
  readonly input: z.ZodObject
  readonly output: z.ZodObject
  /** Arguments and answer are checked; the answer holds nothing that the output schema does not name. */
  answer(args: unknown, backends: Backends, call: Call): Promise<ToolAnswer<Record<string, unknown>>>
}

export function defineTool<In extends z.ZodObject, Out extends z.ZodObject>(
  definition: ToolDefinition<In, Out>,
): Tool {
  const { effect, name, title, description, input, output, order, long = false } = definition
  return {
    name,
    title,
    description,
    input,
    output,
    long,
    order,
    annotations: { title, ...EFFECTS[effect] },
    async answer(args, backends, call) {
      const answer = await definition.answer(input.parse(args), backends, call)
      return answer.ok ? { ...answer, data: output.parse(answer.data) } : answer
    },
  }
}

/** Who calls, once authenticated; what the role allows is decided by the operations. */
export type Caller = Actor

/** `forbidden`: the caller is known and may not use this server. */
export type Admission = Caller | 'unknown' | 'forbidden'

/** Whoever holds the operator token, or starts the server over stdio: its process could read the token anyway. */
export const OPERATOR: Caller = Object.freeze({ name: 'mcp:operator', role: 'operator' })

/** Whoever holds the token for reading. */
export const READER: Caller = Object.freeze({ name: 'mcp:reader', role: 'reader' })

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
