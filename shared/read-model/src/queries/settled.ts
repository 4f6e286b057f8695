import type { Database } from '../database.ts'

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
