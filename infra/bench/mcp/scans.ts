import {
  authEvents,
  type Database,
  gatewayMetrics,
  getRequest,
  listIncidents,
  listRequests,
  openDatabase,
  topIdentities,
  usageReport,
} from '@fluxgate/read-model'
import { CompiledQuery } from 'kysely'

const DAY_MS = 86_400_000
const MAX_LINES = 12

export interface Scans {
  readonly statement: string
  /** What Postgres read, as `explain (analyze)` tells it: each kind of scan once, with the indexes' names. */
  readonly lines: readonly string[]
}

/** Runs what the tools run, and lets Postgres explain each statement. */
export async function scansOf(databaseUrl: string, nowMs: number): Promise<Scans[]> {
  const sent: CompiledQuery[] = []
  await using db = openDatabase(databaseUrl, { max: 1, onQuery: query => sent.push(query) })
  const month = { from: nowMs - 30 * DAY_MS, to: nowMs, nowMs }
  const [busiest] = await topIdentities(db, { ...month, limit: 1 })
  const [last] = (await listRequests(db, { limit: 1 })).items
  if (!busiest || !last) throw new Error('the tables are empty')
  const owner = { user: busiest.userId, key: busiest.keyId }
  const asked: ReadonlyArray<readonly [string, () => Promise<unknown>]> = [
    ['get_gateway_metrics, 30 days', () => gatewayMetrics(db, { windowMs: 30 * DAY_MS, nowMs })],
    ['query_requests, a day', () => listRequests(db, { from: nowMs - DAY_MS, limit: 25 })],
    ['query_requests, failed, 30 days', () => listRequests(db, { ...month, state: 'failed', limit: 25 })],
    ['query_requests, an identity, 30 days', () => listRequests(db, { ...month, ...owner, limit: 25 })],
    [
      'query_requests, an unknown model, 30 days',
      () => listRequests(db, { ...month, model: 'none', limit: 25 }),
    ],
    ['usage_report, 30 days by identity', () => usageReport(db, { ...month, by: 'identity', limit: 50 })],
    [
      'usage_report, an identity by day',
      () => usageReport(db, { ...month, ...owner, by: 'identity', bucket: 'day', limit: 50 }),
    ],
    ['top_identities, 30 days', () => topIdentities(db, { ...month, limit: 10 })],
    ['get_security_incidents', () => listIncidents(db, { limit: 20 })],
    ['get_security_incidents, of one user', () => listIncidents(db, { user: owner.user, limit: 20 })],
    ['auth_events, a week', () => authEvents(db, { from: nowMs - 7 * DAY_MS, to: nowMs, limit: 50 })],
    ['auth_events, a fact', () => authEvents(db, { ...month, fact: 'login_failed', limit: 50 })],
    ['auth_events, an address', () => authEvents(db, { ...month, address: '10.0.0.7', limit: 50 })],
    ['trace_request', () => getRequest(db, last.id)],
  ]
  const scans: Scans[] = []
  for (const [statement, ask] of asked) {
    sent.length = 0
    await ask()
    const lines: string[] = []
    for (const query of sent.splice(0)) lines.push(...(await explained(db, query)))
    scans.push({ statement, lines })
  }
  return scans
}

async function explained(db: Database, { sql, parameters }: CompiledQuery): Promise<string[]> {
  const { rows } = await db.executeQuery(
    CompiledQuery.raw(`explain (analyze, costs off, timing off, summary on) ${sql}`, [
      ...parameters,
    ]) as CompiledQuery<{
      'QUERY PLAN': string
    }>,
  )
  const lines = rows.map(row => row['QUERY PLAN'].trim())
  const scans = lines
    .filter(line => /Scan|Execution Time/.test(line) && !/never executed/.test(line))
    // Partitions of requests differ in their day alone.
    .map(line =>
      line
        .replaceAll(/requests_\d{8}/g, 'requests_<day>')
        .replace(/^->\s+/, '')
        .replace(/\(actual.*/, ''),
    )
  return [...new Set(scans)].slice(0, MAX_LINES)
}
