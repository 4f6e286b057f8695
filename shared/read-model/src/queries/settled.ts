import { parseIdentity } from '@fluxgate/contracts'
import type { Database } from '../database.ts'
import { asOf } from './as-of.ts'

/** What was settled of one identity. */
export interface SettledOf {
  readonly userId: string
  readonly keyId: string
  readonly settled: number
  readonly totalTokens: number
}

/** Sums by identity of settlements from one position in TOKENS to another, both included. */
export async function settledByIdentity(
  db: Database,
  fromSequence: number,
  toSequence: number,
): Promise<SettledOf[]> {
  return db
    .selectFrom('requests')
    .where('settled_sequence', '>=', fromSequence)
    .where('settled_sequence', '<=', toSequence)
    .groupBy(['user_id', 'key_id'])
    .select(({ fn }) => [
      'user_id as userId',
      'key_id as keyId',
      fn.countAll<number>().as('settled'),
      fn.sum<number>('total_tokens').as('totalTokens'),
    ])
    .execute()
}

/** The same, request by request, of one identity. */
export async function settledRequests(
  db: Database,
  identity: { user: string; key: string },
  fromSequence: number,
  toSequence: number,
): Promise<Array<{ request: string; totalTokens: number }>> {
  const rows = await db
    .selectFrom('requests')
    .where('user_id', '=', identity.user)
    .where('key_id', '=', identity.key)
    .where('settled_sequence', '>=', fromSequence)
    .where('settled_sequence', '<=', toSequence)
    .select(['request_id as request', 'total_tokens as totalTokens'])
    .execute()
  return rows.map(({ request, totalTokens }) => ({ request, totalTokens: totalTokens ?? 0 }))
}

/** What the tables hold of the log's settlements, in the shape that a check of the log compares it in. */
export interface SettledView {
  /** Stream → position up to which the tables hold it. */
  positions(): Promise<ReadonlyMap<string, number>>
  /** `<user>.<key>` → what was settled from one position in TOKENS to another, both included. */
  sums(from: number, to: number): Promise<ReadonlyMap<string, { settled: number; totalTokens: number }>>
  /** Request → tokens settled in that part, of one identity. */
  requests(identity: string, from: number, to: number): Promise<ReadonlyMap<string, number>>
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
      return new Map(rows.map(({ request, totalTokens }) => [request, totalTokens]))
    },
  }
}
