import {
  eventMaker,
  type LogEvent,
  type OutgoingEvent,
  parseSubject,
  RequestAdmitted,
  STREAMS,
} from '@fluxgate/contracts'

/** Events for tests of the folds, all of one moment. */
export const T = Date.UTC(2026, 10, 23, 5, 9, 30)
let ids = 0
export const make = eventMaker(
  '/gateway/n1/b1',
  () => `01EVENT${String(++ids).padStart(20, '0')}`,
  () => T,
)
export const identity = { user: 'ann', key: 'k1' }
export const common = { request: 'request_1', ...identity, model: 'phi' }
export const asked = { method: 'POST', path: '/v1/x', address: '::1' }
export const admitted = make(RequestAdmitted, {
  ...common,
  ...asked,
  tier: 'free',
  dialect: 'openai',
  stream: false,
  promptChars: 40,
  promptEstimate: 10,
  reserved: 60,
})

export function entryOf({ subject, event }: OutgoingEvent): LogEvent {
  const stream = STREAMS[parseSubject(subject)!.stream]
  return { stream, sequence: event.sequence, storedAtMs: T + 100, event }
}

export function permutations<T>(list: readonly T[]): T[][] {
  if (list.length < 2) return [[...list]]
  return list.flatMap((item, i) => permutations(list.toSpliced(i, 1)).map(rest => [item, ...rest]))
}
