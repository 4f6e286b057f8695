import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { MINUTE_MS } from '@fluxgate/contracts'
import { createDatabase, type PostgresServer, testPostgres } from '@fluxgate/testing'
import {
  CursorError,
  type Database,
  migrateToLatest,
  openDatabase,
  type UsageReportOptions,
  usageReport,
} from '../index.ts'

const T = Date.UTC(2026, 10, 23, 5)

describe('the usage report', () => {
  let server: PostgresServer
  let db: Database
  before(async () => {
    server = await testPostgres()
    db = openDatabase(await createDatabase(server))
    await migrateToLatest(db)
    const sums = { admitted: 1, refused: 0, completed: 1, failed: 0, interrupted: 0, settled: 1 }
    const times = { duration_ms_sum: 5, first_byte_ms_sum: 1, first_byte_count: 1, bytes: 9 }
    for (const minute of [0, 1, 2]) {
      for (const [user, total_tokens] of [
        ['u1', 5],
        ['u2', 9],
        ['u3', 5],
      ] as const) {
        await db
          .insertInto('usage_minutes')
          .values({
            minute: new Date(T + minute * MINUTE_MS),
            user_id: user,
            key_id: 'k',
            model: 'm',
            upstream: user === 'u3' ? 'other' : 'sim',
            ...sums,
            ...times,
            total_tokens,
            prompt_tokens: 1,
            completion_tokens: 1,
            cost_micros: 7,
          })
          .execute()
      }
    }
  })
  after(async () => {
    await db.destroy()
    await server[Symbol.asyncDispose]()
  })

  const scope = { from: T, to: T + 3 * MINUTE_MS }
  async function walk(options: Omit<UsageReportOptions, 'limit' | 'from' | 'to'>) {
    const seen: Array<[minute: number, group: string, tokens: number]> = []
    let before: string | undefined
    do {
      const page = await usageReport(db, { ...scope, ...options, limit: 2, ...(before && { before }) })
      assert.ok(page.items.length > 0, 'no page is empty')
      for (const row of page.items) seen.push([(row.at - T) / MINUTE_MS, row.group, row.totalTokens])
      before = page.next
    } while (before !== undefined)
    return seen
  }

  test('goes by time, then by tokens, page by page, with each row once', async () => {
    assert.deepEqual(await walk({ by: 'user', bucket: 'minute' }), [
      ...[0, 1, 2].flatMap(minute => [
        [minute, 'u2', 9],
        [minute, 'u1', 5],
        [minute, 'u3', 5],
      ]),
    ])
  })

  test('without a period has one row for each group', async () => {
    assert.deepEqual(await walk({ by: 'user' }), [
      [0, 'u2', 27],
      [0, 'u1', 15],
      [0, 'u3', 15],
    ])
    assert.deepEqual(await walk({ by: 'model', upstream: 'sim' }), [[0, 'm', 42]])
    const { items } = await usageReport(db, { ...scope, by: 'identity', user: 'u3', limit: 9 })
    assert.deepEqual(
      items.map(row => [row.group, row.costMicros, row.admitted]),
      [['u3.k', 21, 3]],
    )
  })

  test('takes no cursor of another list', async () => {
    for (const parts of [['x'], [T, 'x', 'y'], [T, 5], [1e99, 5, 'u']]) {
      const before = Buffer.from(JSON.stringify(parts)).toString('base64url')
      await assert.rejects(usageReport(db, { ...scope, by: 'user', limit: 1, before }), CursorError)
    }
  })
})
