import type { Sums } from '@fluxgate/forensics'
import { z } from 'zod'

/** What a number of requests came to, as counted from the log. */
export const sumsFields = {
  admitted: z.int(),
  refused: z.int(),
  completed: z.int(),
  failed: z.int(),
  interrupted: z.int(),
  inFlight: z.int(),
  settled: z.int(),
  promptTokens: z.int(),
  completionTokens: z.int(),
  totalTokens: z.int(),
} satisfies Record<keyof Sums, z.ZodType>

export function sumsText(sums: Sums): string {
  return (
    `${sums.admitted} admitted = ${sums.completed} completed + ${sums.failed} failed + ${sums.interrupted} interrupted + ` +
    `${sums.inFlight} in flight; ${sums.refused} refused; ${sums.settled} settled, ${sums.totalTokens} tokens`
  )
}
