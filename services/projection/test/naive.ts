import type { FluxgateEvent, OutgoingEvent } from '@fluxgate/contracts'
import { type Database, runScript } from '@fluxgate/read-model'

/** What the tables must hold after a log, found the slow and obvious way: each request's events looked up one by one. */
export function naiveFold(log: readonly OutgoingEvent[]) {
  const events = log.map(outgoing => outgoing.event)
  const byRequest = Map.groupBy(
    events.filter(event => /^fluxgate\.(requests|tokens)\./.test(event.type)),
    event => (event.data as { request: string }).request,
  )
  const requests = [...byRequest].map(([id, events]) => naiveRequest(id, events))
  const settled = events.filter(event => event.type === 'fluxgate.tokens.settled')
  const count = (type: string) => events.filter(event => event.type === `fluxgate.requests.${type}`).length
  return {
    requests: requests.sort((a, b) => (a.id < b.id ? -1 : 1)),
    totals: {
      admitted: count('admitted'),
      refused: count('refused'),
      completed: count('completed'),
      failed: count('failed'),
      interrupted: count('interrupted'),
      settled: settled.length,
      tokens: settled.reduce((sum, event) => sum + event.data.total, 0),
    },
    usage: naiveUsage(events),
    auth: events.filter(event => event.type.startsWith('fluxgate.auth.')).length,
    throttles: events.filter(event => event.type === 'fluxgate.throttles.imposed').length,
    incidents: events.filter(event => event.type === 'fluxgate.incidents.opened').length,
    joined: events.filter(event => event.type === 'fluxgate.incidents.joined').length,
    budgets: events.filter(event => event.type === 'fluxgate.tokens.budget_crossed').length,
    costMicros: settled.reduce((sum, event) => sum + (event.data.costMicros ?? 0), 0),
  }
}

function naiveRequest(id: string, events: readonly FluxgateEvent[]) {
  const decision = events.find(event => /admitted|refused/.test(event.type))!
  const ending = events.find(event => /completed|failed|interrupted/.test(event.type))
  const settled = events.find(event => event.type === 'fluxgate.tokens.settled')
  const state = (ending ?? decision).type.split('.').at(-1)!
  return {
    id,
    state,
    at: Date.parse(decision.time),
    endedAt: ending ? Date.parse(ending.time) : null,
    tokens: settled ? settled.data.total : null,
    upstream: settled ? settled.data.upstream : null,
  }
}

/** `<minute> <user> <key>` → requests admitted and ended, tokens. */
function naiveUsage(events: readonly FluxgateEvent[]): Record<string, string> {
  const sums = new Map<string, { admitted: number; ended: number; tokens: number }>()
  for (const event of events) {
    if (!/^fluxgate\.(requests\.(?!refused)|tokens\.settled)/.test(event.type)) continue
    const { user, key } = event.data as { user: string; key: string }
    const place = `${Math.floor(Date.parse(event.time) / 60_000)} ${user} ${key}`
    const sum = sums.get(place) ?? { admitted: 0, ended: 0, tokens: 0 }
    if (event.type === 'fluxgate.requests.admitted') sum.admitted++
    else if (event.type === 'fluxgate.tokens.settled') sum.tokens += event.data.total
    else sum.ended++
    sums.set(place, sum)
  }
  const text = (sum: object) => JSON.stringify(sum)
  return Object.fromEntries([...sums].map(([place, sum]): [string, string] => [place, text(sum)]).sort())
}

/** The same shape out of the tables. */
export async function readTables(db: Database): Promise<ReturnType<typeof naiveFold>> {
  const rows = async <T>(text: string) => (await runScript(db, text)) as T[]
  const [totals] = await rows<ReturnType<typeof naiveFold>['totals']>(
    `select admitted, refused, completed, failed, interrupted, settled, total_tokens as tokens from request_totals`,
  )
  const usage = await rows<{ place: string; admitted: number; ended: number; tokens: number }>(`
    select extract(epoch from minute)::bigint / 60 || ' ' || user_id || ' ' || key_id as place,
      sum(admitted)::bigint as admitted, sum(completed + failed + interrupted)::bigint as ended,
      sum(total_tokens)::bigint as tokens
    from usage_minutes group by minute, user_id, key_id
    having sum(admitted + completed + failed + interrupted + settled) > 0`)
  const [counts] = await rows<
    Record<'auth' | 'throttles' | 'incidents' | 'joined' | 'budgets' | 'costMicros', number>
  >(`
    select (select count(*) from auth_events) as auth, (select count(*) from throttles) as throttles,
      (select count(*) from incidents) as incidents,
      (select count(*) from incidents where joined_into is not null) as joined,
      (select count(*) from budget_crossings) as budgets,
      (select coalesce(sum(cost_micros), 0)::bigint from usage_days) as "costMicros"`)
  return {
    requests: await rows(`
      select request_id as id, state, at, ended_at as "endedAt", total_tokens as tokens, upstream
      from requests order by request_id collate "C"`),
    totals: totals!,
    usage: Object.fromEntries(
      usage.map(({ place, ...sum }): [string, string] => [place, JSON.stringify(sum)]).sort(),
    ),
    ...counts!,
  }
}

/** Everything in the projected tables, row for row, for comparing two folds of one log. */
export async function dumpTables(db: Database, schema = 'public'): Promise<Record<string, unknown[]>> {
  const order = {
    requests: 'request_id',
    request_totals: 'id',
    usage_minutes: 'minute, user_id, key_id, model, upstream',
    usage_hours: 'hour, user_id, key_id, model, upstream',
    usage_days: 'day, user_id, key_id, model, upstream',
    latency_minutes: 'minute, model, upstream, measure, bucket',
    latency_hours: 'hour, model, upstream, measure, bucket',
    latency_days: 'day, model, upstream, measure, bucket',
    budget_crossings: 'event_id',
    auth_events: 'event_id',
    throttles: 'id',
    incidents: 'id',
  }
  const dump: Record<string, unknown[]> = {}
  for (const [table, columns] of Object.entries(order)) {
    dump[table] = await runScript(db, `select * from ${schema}.${table} order by ${columns}`)
  }
  return dump
}
