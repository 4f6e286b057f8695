import { type Identity, KeyAccepted, TokensProgressed } from '@fluxgate/contracts'
import { admit, complete, login, refuse, reject, settle } from './scenarios.ts'
import { Script } from './script.ts'

const HOUR_MS = 3_600_000
export const IDENTITIES = 1_000
/** Tokens a second that the tiers give back, and the share of identities in each. */
const FREE_RATE = 100
const PRO_RATE = 1_000
/** Tokens that a model writes in a second. */
const WRITTEN_PER_SECOND = 50

interface Customer {
  readonly who: Identity
  readonly address: string
  readonly refillRate: number
  /** Mean pause between calls, and the median size of one. */
  readonly pauseMs: number
  readonly tokens: number
  /** One call in so many is wrong. */
  readonly errorEvery: number
}

/**
 * An hour of people and programs who mean no harm, as a gateway's events: pauses and sizes spread over orders of
 * magnitude, pages that are opened in the middle of the hour, programs at the rate of their tier, wrong calls,
 * mistyped passwords, an office behind one address, phones that change theirs, and keys that outlived a deployment.
 */
export function ordinaryHour(seed: number): Script {
  const script = new Script(seed)
  for (let i = 0; i < IDENTITIES; i++) live(script, customer(script, i))
  for (let person = 0; person < 200; person++) {
    const tries = 1 + script.random(3)
    const atMs = script.random(HOUR_MS)
    const address = person % 10 === 0 ? '192.0.2.1' : `10.${person}.0.1`
    for (let i = 0; i < tries; i++) login(script, atMs + i * 7_000, 1_000 + person, address)
  }
  for (let old = 0; old < 10; old++) {
    for (let atMs = script.random(60_000); atMs < HOUR_MS; atMs += 60_000 + script.random(60_000)) {
      reject(script, atMs, old % 2 ? 'expired' : 'revoked', `10.200.${old}.1`)
    }
  }
  for (let i = 0; i < 300; i++) {
    reject(script, script.random(HOUR_MS), i % 3 ? 'missing' : 'unknown', `10.201.${script.random(50)}.1`)
  }
  return script
}

function customer(script: Script, i: number): Customer {
  const isPro = i % 5 === 0
  const refillRate = isPro ? PRO_RATE : FREE_RATE
  const pauseMs = 2_000 * 2 ** script.random(6)
  // Nobody uses more than the tier gives back for long: the bucket would refuse it.
  const most = (refillRate * pauseMs) / 1_000 / 3
  return {
    who: { user: `user${i}`, key: 'k1' },
    address: `10.${i >> 8}.${i & 255}.2`,
    refillRate,
    pauseMs,
    tokens: Math.max(5, Math.min(most, 20 * 2 ** script.random(7))),
    errorEvery: 5 + script.random(95),
  }
}

function live(script: Script, customer: Customer): void {
  const { who, refillRate } = customer
  const beginsMs = script.random(4) === 0 ? script.random(HOUR_MS) : 0
  let { address } = customer
  let calls = 0
  // What the bucket holds: its capacity is fifty seconds of its rate, and nobody gets more than that out of it.
  let left = refillRate * 3
  let lastMs = 0
  for (let atMs = beginsMs; atMs < HOUR_MS; atMs += pauseOf(script, customer.pauseMs)) {
    if (calls++ % 20 === 0) {
      if (script.random(20) === 0) address = `100.64.${script.random(256)}.${script.random(256)}`
      script.tell(atMs, KeyAccepted, { ...who, address, count: 1 })
    }
    if (script.random(customer.errorEvery) === 0) {
      if (script.random(2) === 0) refuse(script, atMs, who, 'invalid_request', 'm')
      else refuse(script, atMs, who, 'not_found', `gpt-${script.random(3)}`)
      continue
    }
    left = Math.min(refillRate * 3, left + ((atMs - lastMs) * refillRate) / 1_000)
    lastMs = atMs
    const tokens = Math.round(Math.min(left, customer.tokens * 2 ** (script.random(41) / 10 - 2)))
    if (tokens < 1) {
      refuse(script, atMs, who, 'rate_limited', 'm')
      continue
    }
    left -= tokens
    const stream = script.random(2) === 0
    const request = admit(script, atMs, who, { stream, address, promptEstimate: Math.ceil(tokens / 4) })
    const doneMs = atMs + 300 + (tokens * 1_000) / WRITTEN_PER_SECOND
    const progressed = stream ? progress(script, customer, request, atMs, tokens) : 0
    complete(script, doneMs, who, request, script.random(customer.errorEvery * 2) === 0 ? 400 : 200)
    settle(script, doneMs, who, tokens, refillRate, progressed)
  }
}

/** What a gateway tells of a long stream, once a second. @returns the tokens told */
function progress(
  script: Script,
  { who, refillRate }: Customer,
  request: string,
  atMs: number,
  tokens: number,
) {
  const common = { request, ...who, tier: 'free', refillRate, model: 'm', prompt: 0 }
  let reported = 0
  for (let second = 1; reported + WRITTEN_PER_SECOND < tokens; second++) {
    reported += WRITTEN_PER_SECOND
    const counted = { completion: reported, delta: WRITTEN_PER_SECOND, elapsedMs: second * 1_000 }
    script.tell(atMs + 300 + second * 1_000, TokensProgressed, { ...common, ...counted })
  }
  return reported
}

/** Pauses without memory (exponential), as those of many people together are. */
function pauseOf(script: Script, meanMs: number): number {
  return -Math.log((1 + script.random(1_000_000)) / 1_000_001) * meanMs
}
