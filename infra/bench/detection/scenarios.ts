import {
  type Identity,
  KeyAccepted,
  KeyRejected,
  LoginFailed,
  RequestAdmitted,
  RequestCompleted,
  RequestRefused,
  TokensProgressed,
  TokensSettled,
} from '@fluxgate/contracts'
import { addressIdentity } from '@fluxgate/contracts/address-identity'
import type { Script } from './script.ts'

const MINUTE_MS = 60_000
const eve: Identity = { user: 'eve', key: 'k1' }
const ADDRESS = '203.0.113.9'

export interface Scenario {
  readonly name: string
  /** The rule that is to find it. */
  readonly rule: string
  /** When the abuse begins, milliseconds. */
  readonly fromMs: number
  play(script: Script): void
}

/** What abusers do, as the events that a gateway writes of it. */
export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'one key burns 1,000 tokens ten times a second',
    rule: 'contextFlood',
    fromMs: 0,
    play: script => every(20, 100, atMs => settle(script, atMs, eve, 1_000)),
  },
  {
    name: 'a stream that never ends, 400 tokens a second',
    rule: 'contextFlood',
    fromMs: 0,
    play: script =>
      every(20, 1_000, atMs => {
        const progress = { request: 'req_00000001', ...eve, tier: 'free', refillRate: 100, model: 'm' }
        script.tell(atMs, TokensProgressed, {
          ...progress,
          prompt: 10,
          completion: 400,
          delta: 400,
          elapsedMs: 1_000,
        })
      }),
  },
  {
    name: 'a stolen key of a pro tier: twenty times its usual use, inside its tier',
    rule: 'tokenDrain',
    fromMs: 40 * MINUTE_MS,
    play(script) {
      every(240, 10_000, atMs => settle(script, atMs, eve, 300 + script.random(300), 1_000))
      every(200, 1_000, atMs => settle(script, 40 * MINUTE_MS + atMs, eve, 900, 1_000))
    },
  },
  {
    name: '400 calls a second, most of them refused',
    rule: 'requestFlood',
    fromMs: 0,
    play: script =>
      every(4_000, 2.5, (atMs, i) =>
        i % 10 === 0 ? call(script, atMs, eve) : refuse(script, atMs, eve, 'rate_limited', 'm'),
      ),
  },
  {
    name: 'passwords for one account from 20 addresses',
    rule: 'failedLoginsAccount',
    fromMs: 0,
    play: script => every(20, 5_000, (atMs, i) => login(script, atMs, 1, `198.51.100.${i}`)),
  },
  {
    name: 'a list of stolen passwords, two a second from one address',
    rule: 'failedLoginsAddress',
    fromMs: 0,
    play: script => every(60, 500, (atMs, i) => login(script, atMs, i, ADDRESS)),
  },
  {
    name: 'keys guessed, twenty a second from one address',
    rule: 'keyGuessing',
    fromMs: 0,
    play: script => every(100, 50, atMs => reject(script, atMs, 'unknown')),
  },
  {
    name: 'a key published on the web: a new address every two seconds',
    rule: 'keySharing',
    fromMs: 0,
    play: script =>
      every(40, 2_000, (atMs, i) =>
        script.tell(atMs, KeyAccepted, { ...eve, address: `198.51.100.${i}`, count: 1 }),
      ),
  },
  {
    name: '300 streams opened and held, twenty a second',
    rule: 'concurrentStreams',
    fromMs: 0,
    play: script => every(300, 50, atMs => admit(script, atMs, eve, { stream: true })),
  },
  {
    name: 'model names tried one after another, five a second',
    rule: 'errorProbing',
    fromMs: 0,
    play: script => every(60, 200, (atMs, i) => refuse(script, atMs, eve, 'not_found', `model-${i}`)),
  },
  {
    name: 'calls that are malformed, ten a second',
    rule: 'errorProbing',
    fromMs: 0,
    play: script => every(200, 100, atMs => refuse(script, atMs, eve, 'invalid_request', 'm')),
  },
  {
    name: 'prompts of 150,000 tokens, one a second',
    rule: 'oversizedPrompts',
    fromMs: 0,
    play: script => every(30, 1_000, atMs => admit(script, atMs, eve, { promptEstimate: 150_000 })),
  },
  {
    name: 'a revoked key that goes on calling, every two seconds',
    rule: 'deadKeys',
    fromMs: 0,
    play: script => every(60, 2_000, atMs => reject(script, atMs, 'revoked')),
  },
]

function every(times: number, stepMs: number, act: (atMs: number, i: number) => void): void {
  for (let i = 0; i < times; i++) act(i * stepMs, i)
}

export function settle(
  script: Script,
  atMs: number,
  who: Identity,
  total: number,
  refillRate = 100,
  progressed = 0,
): void {
  script.tell(atMs, TokensSettled, {
    request: 'req_00000001',
    ...who,
    tier: 'free',
    refillRate,
    model: 'm',
    upstream: 'u',
    usage: { input: 0, output: total },
    total,
    reserved: total,
    progressed,
    source: 'reported',
  })
}

export function admit(
  script: Script,
  atMs: number,
  who: Identity,
  more: { stream?: boolean; promptEstimate?: number; address?: string } = {},
): string {
  const request = script.newRequest()
  script.tell(atMs, RequestAdmitted, {
    request,
    ...who,
    tier: 'free',
    dialect: 'openai',
    method: 'POST',
    path: '/v1/chat/completions',
    model: 'm',
    stream: false,
    address: ADDRESS,
    promptChars: 40,
    promptEstimate: 10,
    reserved: 20,
    ...more,
  })
  return request
}

export function complete(script: Script, atMs: number, who: Identity, request: string, status: number): void {
  const data = { request, ...who, model: 'm', upstream: 'u', status, durationMs: 1, bytes: 1 }
  script.tell(atMs, RequestCompleted, data)
}

export function call(script: Script, atMs: number, who: Identity): void {
  complete(script, atMs, who, admit(script, atMs, who), 200)
}

type Refusal = 'rate_limited' | 'not_found' | 'invalid_request'
export function refuse(script: Script, atMs: number, who: Identity, reason: Refusal, model: string): void {
  script.tell(atMs, RequestRefused, {
    request: script.newRequest(),
    ...who,
    method: 'POST',
    path: '/v1/chat/completions',
    model,
    address: ADDRESS,
    reason,
    status: 400,
    count: 1,
    windowMs: 0,
  })
}

export function login(script: Script, atMs: number, account: number, address: string): void {
  script.tell(atMs, LoginFailed, {
    user: `user${account}`,
    key: 'portal',
    account: account.toString(16).padStart(32, '0'),
    address,
    reason: 'wrong_credentials',
  })
}

export function reject(
  script: Script,
  atMs: number,
  reason: 'unknown' | 'revoked' | 'expired' | 'missing',
  address = ADDRESS,
): void {
  const counted = { address, reason, count: 1, windowMs: 0 }
  script.tell(atMs, KeyRejected, { ...addressIdentity(address), request: script.newRequest(), ...counted })
}
