import type { Request } from '@fluxgate/read-model'
import { z } from 'zod'
import { isoTime, isoTimeOrNull } from '../core/words.ts'
import { timeField } from './fields.ts'

/** A request as the tables hold it. */
export const requestFields = {
  identity: z.string(),
  state: z
    .enum(['admitted', 'refused', 'completed', 'failed', 'interrupted'])
    .describe('admitted: in flight.'),
  at: timeField,
  tier: z.string().nullable(),
  path: z.string().nullable(),
  model: z.string().nullable(),
  upstream: z.string().nullable(),
  status: z.int().nullable(),
  reason: z.string().nullable().describe("Why refused, the failure's code, or who interrupted."),
  message: z.string().nullable(),
  endedAt: timeField.nullable(),
  durationMs: z.number().nullable(),
  firstByteMs: z.number().nullable(),
  reserved: z.int().nullable(),
  promptTokens: z.int().nullable(),
  completionTokens: z.int().nullable(),
  totalTokens: z.int().nullable(),
  tokenSource: z.string().nullable().describe('reported, counted or estimated; null until settled.'),
}

export function requestOf(row: Request) {
  return {
    identity: `${row.userId}.${row.keyId}`,
    state: row.state,
    at: isoTime(row.at),
    tier: row.tier,
    path: row.path,
    model: row.model,
    upstream: row.upstream,
    status: row.status,
    reason: row.reason,
    message: row.message,
    endedAt: isoTimeOrNull(row.endedAt),
    durationMs: row.durationMs,
    firstByteMs: row.firstByteMs,
    reserved: row.reserved,
    promptTokens: row.promptTokens,
    completionTokens: row.completionTokens,
    totalTokens: row.totalTokens,
    tokenSource: row.tokenSource,
  }
}
