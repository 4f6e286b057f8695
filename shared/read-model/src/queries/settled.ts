import { parseIdentity } from '@fluxgate/contracts'
import { sql } from 'kysely'
import type { Database } from '../database.ts'
import { asOf } from './as-of.ts'

/** Column → count of a settlement: what tables add up, and a check of the log compares. */
export const SETTLED_COLUMNS = [
  ['prompt_tokens', 'promptTokens'],
  ['completion_tokens', 'completionTokens'],
  ['total_tokens', 'totalTokens'],
  ['cached_tokens', 'cachedTokens'],
  ['cache_write_5m_tokens', 'cacheWrite5mTokens'],
  ['cache_write_1h_tokens', 'cacheWrite1hTokens'],
  ['reasoning_tokens', 'reasoningTokens'],
  ['audio_input_tokens', 'audioInputTokens'],
  ['audio_output_tokens', 'audioOutputTokens'],
  ['images', 'images'],
  ['tool_calls', 'toolCalls'],
  ['cost_micros', 'costMicros'],
] as const

/** What a settlement says, or several; 0 for what it does not say. */
export type SettledCounts = Record<(typeof SETTLED_COLUMNS)[number][1], number>

export interface SettledSum extends SettledCounts {
  settled: number
}

/** What was settled of one identity. */
export interface SettledOf extends SettledSum {
  readonly userId: string
  readonly keyId: string
}

/** Sums by identity of settlements from one position in TOKENS to another, both included. */
export async function settledByIdentity(
  db: Database,
  fromSequence: number,
  toSequence: number,
): Promise<SettledOf[]> {
  const sums = SETTLED_COLUMNS.map(([column, name]) => `coalesce(sum(${column}), 0)::bigint as "${name}"`)
  const { rows } = await sql<SettledOf>`
    select user_id as "userId", key_id as "keyId", count(*) as settled, ${sql.raw(sums.join(', '))}
    from requests where settled_sequence between ${fromSequence} and ${toSequence}
    group by user_id, key_id`.execute(db)
  return rows
}

/** The same, request by request, of one identity. */
export async function settledRequests(
  db: Database,
  identity: { user: string; key: string },
  fromSequence: number,
  toSequence: number,
): Promise<Array<SettledCounts & { request: string }>> {
  const counts = SETTLED_COLUMNS.map(([column, name]) => `coalesce(${column}, 0) as "${name}"`)
  const { rows } = await sql<SettledCounts & { request: string }>`
    select request_id as request, ${sql.raw(counts.join(', '))} from requests
    where user_id = ${identity.user} and key_id = ${identity.key}
      and settled_sequence between ${fromSequence} and ${toSequence}`.execute(db)
  return rows
}

/** What the tables hold of the log's settlements, in the shape that a check of the log compares it in. */
export interface SettledView {
  /** Stream → position up to which the tables hold it. */
  positions(): Promise<ReadonlyMap<string, number>>
  /** `<user>.<key>` → what was settled from one position in TOKENS to another, both included. */
  sums(from: number, to: number): Promise<ReadonlyMap<string, SettledSum>>
  /** Request → what was settled in that part, of one identity. */
  requests(identity: string, from: number, to: number): Promise<ReadonlyMap<string, SettledCounts>>
}

export function settledView(db: Database): SettledView {
  return {
    async positions() {
      return new Map((await asOf(db)).map(({ stream, sequence }) => [stream, sequence]))
    },
    async sums(from, to) {
      const rows = await settledByIdentity(db, from, to)
      return new Map(rows.map(({ userId, keyId, ...sum }) => [`${userId}.${keyId}`, sum]))
    },
    async requests(text, from, to) {
      const identity = parseIdentity(text)
      if (!identity) return new Map()
      const rows = await settledRequests(db, identity, from, to)
      return new Map(rows.map(({ request, ...counts }) => [request, counts]))
    },
  }
}
