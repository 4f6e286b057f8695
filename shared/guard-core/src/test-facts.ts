import {
  eventMaker,
  type GuardPolicy,
  type Identity,
  IncidentOpened,
  type OutgoingEvent,
  ThrottlePardoned,
  TokensProgressed,
  TokensSettled,
} from '@fluxgate/contracts'
import type { Decision } from './decide.ts'
import type { Fact } from './fact.ts'
import { Fold } from './fold.ts'

/** The seed policy, and the free tier's 100 tokens a second: the allowance is 500 tokens in two seconds. */
export const POLICY: GuardPolicy = {
  rules: { contextFlood: { enabled: true, windowMs: 2_000, thresholdTokens: 300 } },
  penalty: { capacity: 100, refillRate: 10, durationMs: 60_000 },
  graceMs: 300_000,
}
export const REFILL = 100
export const ALLOWANCE = 500
/** Midnight, so that offsets read well. */
export const T0 = Date.UTC(2026, 0, 1)
export const ada: Identity = { user: 'ada', key: 'k1' }
export const bob: Identity = { user: 'bob', key: 'k1' }

/** A log in memory: facts get their sequences in order, and ids that depend on nothing else. */
export class Log {
  readonly facts: Fact[] = []
  #sequences: Record<string, number> = {}
  readonly #make = eventMaker(
    '/test/1',
    () => `event-${String(this.facts.length).padStart(16, '0')}`,
    () => T0,
  )

  /** A settlement of `total` tokens, of which `progressed` were told before. */
  settled(
    atMs: number,
    total: number,
    identity = ada,
    more: { progressed?: number; refillRate?: number } = {},
  ) {
    return this.#append(
      'TOKENS',
      atMs,
      this.#make(TokensSettled, { ...spending(identity), ...settlement(total), ...more }),
    )
  }

  progressed(atMs: number, delta: number, identity = ada) {
    const counted = { prompt: 0, completion: delta, delta, elapsedMs: 1_000 }
    return this.#append('TOKENS', atMs, this.#make(TokensProgressed, { ...spending(identity), ...counted }))
  }

  pardoned(atMs: number, identity = ada, actor = 'operator:o1') {
    const fact = { ...identity, actor, reason: 'a mistake' }
    return this.#append('THROTTLES', atMs, this.#make(ThrottlePardoned, fact))
  }

  /** What the guard says when it has carried a decision out. */
  opened({ incident, identity, rule, throttle }: Decision) {
    const data = {
      ...{
        incident,
        ...identity,
        rule,
        severity: 'low' as const,
        explanation: '',
        numbers: {},
        evidence: [],
      },
      ...{ action: 'throttled' as const, until: throttle.until },
    }
    const timeMs = throttle.imposedAt
    return this.#append('INCIDENTS', timeMs - T0, this.#make(IncidentOpened, data, { timeMs }))
  }

  #append(stream: string, atMs: number, { event }: OutgoingEvent): Fact {
    const sequence = (this.#sequences[stream] ?? 0) + 1
    this.#sequences[stream] = sequence
    const fact = { stream, sequence, storedAtMs: T0 + atMs, event }
    this.facts.push(fact)
    return fact
  }
}

/** What the guard decides over the whole of a log. */
export function decisionsOver(facts: readonly Fact[], policy = POLICY, fold = new Fold()): Decision[] {
  return facts.flatMap(fact => {
    if (fact.stream === 'TOKENS') return fold.fold(fact, policy)
    fold.hold(fact, policy)
    return []
  })
}

function spending(identity: Identity) {
  return { request: 'req_00000001', ...identity, tier: 'free' as const, refillRate: REFILL, model: 'test' }
}

function settlement(total: number) {
  const counts = { prompt: 0, completion: total, total, reserved: total, progressed: 0 }
  return { upstream: 'test', ...counts, source: 'reported' as const }
}
