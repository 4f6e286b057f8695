import { STREAMS } from '@fluxgate/contracts'
import { type NatsLink, replay } from '@fluxgate/nats'
import { type Database, listRequests, topIdentities } from '@fluxgate/read-model'

/** A tool with arguments that differ from call to call. */
export interface Question {
  readonly tool: string
  readonly about: string
  args(call: number): Record<string, unknown>
}

const DAY_MINUTES = 1_440
const SAMPLE = 200

/** Identities and requests to ask for are drawn from what there is: the busy and the quiet, of the log and of long ago. */
export async function questionsOf(db: Database, link: NatsLink, nowMs: number): Promise<Question[]> {
  const month = { from: nowMs - 31 * DAY_MINUTES * 60_000, to: nowMs + 60_000 }
  const identities = (await topIdentities(db, { ...month, limit: 1_000 })).map(
    ({ userId, keyId }) => `${userId}.${keyId}`,
  )
  const old = (await listRequests(db, { limit: SAMPLE, to: nowMs - 15 * DAY_MINUTES * 60_000 })).items
  const { identitiesOfLog, requestsOfLog } = await sampleOf(link)
  const at = <T>(list: readonly T[], n: number) => list[(n * 7) % list.length]!
  return [
    tool('get_gateway_metrics', 'the last 15 minutes', () => ({})),
    tool('get_gateway_metrics', 'the last 30 days', () => ({ windowMinutes: 30 * DAY_MINUTES })),
    tool('query_requests', 'the newest of a day', () => ({})),
    tool('query_requests', 'failed ones of 30 days', () => ({ outcome: 'failed', from: '30d' })),
    tool('query_requests', 'of one identity, 30 days', n => ({ identity: at(identities, n), from: '30d' })),
    tool('query_requests', 'of one model, slow ones, 30 days', n => ({
      model: n % 2 ? 'qwen3' : 'phi4-mini',
      minDurationMs: 3_500,
      from: '30d',
    })),
    tool('query_requests', 'by upstream and status, 30 days', n => ({
      upstream: `http://10.1.0.${1 + (n % 3)}:11434`,
      status: 502,
      from: '30d',
    })),
    tool('query_requests', 'what there is none of, 30 days', () => ({ model: 'no-such-model', from: '30d' })),
    tool('query_requests', 'the most expensive, 30 days', () => ({ minTokens: 1_300, from: '30d' })),
    tool('query_requests', 'by id', n => ({ request: at(old, n).id })),
    tool('usage_report', 'a day by identity', () => ({})),
    tool('usage_report', 'a day by model and hour', () => ({ by: 'model', period: 'hour' })),
    tool('usage_report', '30 days by identity', () => ({ from: '30d', limit: 50 })),
    tool('usage_report', '30 days by model and day', () => ({ by: 'model', period: 'day', from: '30d' })),
    tool('usage_report', '30 days of one identity by day', n => ({
      identity: at(identities, n),
      period: 'day',
      from: '30d',
    })),
    tool('top_identities', 'the last hour', () => ({})),
    tool('top_identities', 'the last 30 days', () => ({ windowMinutes: 30 * DAY_MINUTES })),
    tool('identity_timeline', 'an hour of one identity', n => ({ identity: at(identitiesOfLog, n) })),
    tool('identity_timeline', 'an hour of one user', n => ({ user: at(identitiesOfLog, n).split('.')[0] })),
    tool('get_security_incidents', 'the newest', () => ({})),
    tool('get_security_incidents', 'open ones', () => ({ state: 'reported' })),
    tool('get_security_incidents', 'of one user', n => ({ user: at(identities, n).split('.')[0] })),
    tool('auth_events', 'the newest of a week', () => ({})),
    tool('auth_events', 'failed logins, 30 days', () => ({ fact: 'login_failed', from: '30d' })),
    tool('auth_events', 'of one address, 30 days', n => ({ address: `10.0.0.${n % 200}`, from: '30d' })),
    tool('auth_events', 'of one identity, 30 days', n => ({ identity: at(identities, n), from: '30d' })),
    tool('trace_request', 'of the log', n => ({ request: at(requestsOfLog, n) })),
    tool('trace_request', 'of weeks ago, gone from the log', n => ({ request: at(old, n).id })),
  ]
}

function tool(name: string, about: string, args: Question['args']): Question {
  return { tool: name, about, args }
}

/** Every so many-th request of the log. */
async function sampleOf(link: NatsLink) {
  const { state } = await link.manager.streams.info(STREAMS.requests)
  const every = Math.max(1, Math.floor(state.messages / SAMPLE))
  const requestsOfLog = new Set<string>()
  const identitiesOfLog = new Set<string>()
  for await (const { events } of replay(link, { stream: STREAMS.requests, from: 'first' })) {
    for (const { event, sequence } of events) {
      const { request, user, key } = event.data as { request?: string; user: string; key: string }
      if (sequence % every !== 0 || request === undefined) continue
      requestsOfLog.add(request)
      identitiesOfLog.add(`${user}.${key}`)
    }
  }
  return { requestsOfLog: [...requestsOfLog], identitiesOfLog: [...identitiesOfLog] }
}
