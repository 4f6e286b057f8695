import type { DroppedPart, RetainedRange } from '@fluxgate/forensics'
import { z } from 'zod'
import { timeField } from './fields.ts'
import { isoTimeOrNull } from './text.ts'

export const droppedField = z
  .array(z.object({ stream: z.string(), messages: z.int(), firstStoredAt: timeField.nullable() }))
  .describe(
    'What retention has dropped of the streams in that time: it is not in the answer. Empty: the log is whole.',
  )

/** @param fromMs of what is told; retention before it does not matter */
export function droppedView(kept: readonly RetainedRange[], fromMs = Number.NEGATIVE_INFINITY) {
  const parts = kept.filter(({ wholeFromMs }) => wholeFromMs > fromMs)
  return partsOf(parts.map(({ dropped: messages, ...part }) => ({ ...part, messages })))
}

export function partsOf(parts: readonly DroppedPart[]): z.input<typeof droppedField> {
  return parts.map(({ stream, messages, firstStoredAtMs }) => ({
    stream,
    messages,
    firstStoredAt: isoTimeOrNull(firstStoredAtMs),
  }))
}

export function droppedText(parts: ReturnType<typeof partsOf>): string[] {
  return parts.map(
    ({ stream, messages, firstStoredAt }) =>
      `Not in this answer: retention has dropped ${messages} messages of ${stream}, which ` +
      `${firstStoredAt === null ? 'holds nothing' : `begins at ${firstStoredAt}`}.`,
  )
}
