import type { OrderName } from '@fluxgate/operations'
import type { ToolAnnotations } from '@modelcontextprotocol/server'
import type { z } from 'zod'
import type { Backends, Call } from '../backends/index.ts'
import type { ToolAnswer } from './answer.ts'

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
