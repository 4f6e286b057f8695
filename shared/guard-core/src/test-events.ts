import {
  type DataOf,
  type EventDefinition,
  eventMaker,
  type GuardPolicy,
  type Identity,
  IncidentOpened,
  KeyAccepted,
  KeyRejected,
  type LogEvent,
  LoginFailed,
  type OutgoingEvent,
  RequestAdmitted,
  RequestCompleted,
  RequestRefused,
  STREAMS,
  streamOf,
  ThrottlePardoned,
  TokensProgressed,
  TokensSettled,
} from '@fluxgate/contracts'
import { addressIdentity } from '@fluxgate/contracts/address-identity'
import type { Decision } from './decide.ts'
import { Fold } from './fold.ts'
import { wholePolicy } from './whole-policy.ts'

/** The seed policy, and the free tier's 100 tokens a second: the allowance is 500 tokens in two seconds. */
export const SEED: GuardPolicy = {
  rules: { contextFlood: { enabled: true, windowMs: 2_000, thresholdTokens: 300 } },
  penalty: { capacity: 100, refillRate: 10, durationMs: 60_000 },
  graceMs: 300_000,
}
/** Every rule on, and penalties that do not grow. */
export const POLICY = wholePolicy({ ...SEED, repeat: { windowMs: 0, factor: 1, maxDurationMs: 60_000 } })
export const REFILL = 100
export const ALLOWANCE = 500
/** Midnight, so that offsets read well. */
export const T0 = Date.UTC(2026, 0, 1)
export const ada: Identity = { user: 'ada', key: 'k1' }
export const bob: Identity = { user: 'bob', key: 'k1' }

/** A log in memory: events get their sequences in order, and ids that depend on nothing else. */
export class Log {
  readonly entries: LogEvent[] = []
  #sequences: Record<string, number> = {}
  readonly #make = eventMaker(
    '/test/1',
    () => `event-${String(this.entries.length).padStart(16, '0')}`,
    () => T0,
  )

  /** A settlement of `total` tokens, of which `progressed` were reported before. */
  settled(
    atMs: number,
    total: number,
    identity = ada,
    more: { progressed?: number; refillRate?: number } = {},
  ) {
    return this.#append(atMs, TokensSettled, { ...spending(identity), ...settlement(total), ...more })
  }

  progressed(atMs: number, delta: number, identity = ada) {
    const counted = { prompt: 0, completion: delta, delta, elapsedMs: 1_000 }
    return this.#append(atMs, TokensProgressed, { ...spending(identity), ...counted })
  }

  admitted(atMs: number, identity = ada, more: Partial<DataOf<typeof RequestAdmitted>> = {}) {
    return this.#append(atMs, RequestAdmitted, {
      request: `req_${String(this.entries.length).padStart(8, '0')}`,
      ...identity,
      tier: 'free',
      dialect: 'openai' as const,
      method: 'POST',
      path: '/v1/chat/completions',
      model: 'test',
      stream: false,
      address: '10.0.0.1',
      promptChars: 40,
      promptEstimate: 10,
      reserved: 20,
      ...more,
    })
  }

  completed(atMs: number, request: string, identity = ada, status = 200) {
    const data = { request, ...identity, model: 'test', upstream: 'test', status, durationMs: 1, bytes: 1 }
    return this.#append(atMs, RequestCompleted, data)
  }

  refused(
    atMs: number,
    reason: DataOf<typeof RequestRefused>['reason'],
    identity = ada,
    model = 'test',
    count = 1,
  ) {
    return this.#append(atMs, RequestRefused, {
      request: 'req_00000001',
      ...identity,
      method: 'POST',
      path: '/v1/chat/completions',
      model,
      address: '10.0.0.1',
      reason,
      status: 400,
      count,
      windowMs: 0,
    })
  }

  loginFailed(atMs: number, account: number, address = '10.0.0.1', user = `user${account}`) {
    return this.#append(atMs, LoginFailed, {
      user,
      key: 'portal',
      account: account.toString(16).padStart(2, '0').padEnd(32, '0'),
      address,
      reason: 'wrong_credentials' as const,
    })
  }

  keyRejected(atMs: number, reason: DataOf<typeof KeyRejected>['reason'], address = '10.0.0.1', count = 1) {
    const data = { ...addressIdentity(address), request: 'req_00000001', address, reason, count, windowMs: 0 }
    return this.#append(atMs, KeyRejected, data)
  }

  keyAccepted(atMs: number, address: string, identity = ada) {
    return this.#append(atMs, KeyAccepted, { ...identity, address, count: 1 })
  }

  pardoned(atMs: number, identity = ada, actor = 'operator:o1', incident?: string) {
    const entry = { ...identity, actor, reason: 'a mistake', ...(incident ? { incident } : {}) }
    return this.#append(atMs, ThrottlePardoned, entry)
  }

  /** What the guard says when it has carried a decision out. */
  opened({ incident, identity, rule, atMs, throttle }: Decision) {
    const finding = { severity: 'low' as const, explanation: '', numbers: {}, evidence: [] }
    const done = throttle
      ? { action: 'throttled' as const, until: throttle.until }
      : { action: 'observed' as const }
    return this.#append(atMs - T0, IncidentOpened, { incident, ...identity, rule, ...finding, ...done }, atMs)
  }

  #append<D extends EventDefinition>(
    atMs: number,
    definition: D,
    data: DataOf<D>,
    timeMs = T0 + atMs,
  ): LogEvent {
    const { event }: OutgoingEvent = this.#make(definition, data, { timeMs })
    const stream = STREAMS[streamOf(definition, 'user' in data ? String(data.user) : '')]
    const sequence = (this.#sequences[stream] ?? 0) + 1
    this.#sequences[stream] = sequence
    const entry = { stream, sequence, storedAtMs: T0 + atMs, event }
    this.entries.push(entry)
    return entry
  }
}

/** What the guard decides over the whole of a log. */
export function decisionsOver(entries: readonly LogEvent[], policy = POLICY, fold = new Fold()): Decision[] {
  return entries.flatMap(entry => fold.fold(entry, policy))
}

function spending(identity: Identity) {
  return { request: 'req_00000001', ...identity, tier: 'free' as const, refillRate: REFILL, model: 'test' }
}

function settlement(total: number) {
  const counts = { usage: { input: 0, output: total }, total, reserved: total, progressed: 0 }
  return { upstream: 'test', ...counts, source: 'reported' as const }
}
