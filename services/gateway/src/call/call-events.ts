import type {
  DataOf,
  Identity,
  RequestAdmitted,
  RequestCompleted,
  TokensProgressed,
  TokensSettled,
} from '@fluxgate/contracts'
import type { Refusal } from '../http/index.ts'
import type { AdmittedCall, Call } from './call.ts'
import { shortText } from './call.ts'
import type { RefusedRequest } from './refusal-reports.ts'
import type { Settlement } from './settle.ts'

type Fields<T> = { -readonly [K in keyof T]: T[K] }

// Each event has its required fields in one literal and the optional ones behind them: a literal with conditional parts
// costs several times as much, three times a call.

export function admitted(call: AdmittedCall): DataOf<typeof RequestAdmitted> {
  const data: Fields<DataOf<typeof RequestAdmitted>> = {
    request: call.id,
    user: call.identity.user,
    key: call.identity.key,
    tier: call.tier,
    dialect: call.dialect.name,
    method: call.method,
    path: shortText(call.path),
    model: call.model,
    stream: call.stream,
    address: call.address,
    promptChars: call.promptChars,
    promptEstimate: call.promptEstimate,
    reserved: call.reserved,
  }
  if (call.agent !== undefined) data.agent = call.agent
  return data
}

export function refused(call: Call, identity: Identity, refusal: Refusal, status: number): RefusedRequest {
  return {
    request: call.id,
    user: identity.user,
    key: identity.key,
    method: call.method,
    path: shortText(call.path),
    model: call.model,
    address: call.address,
    ...(call.agent === undefined ? {} : { agent: call.agent }),
    reason: refusal.reason,
    status,
    ...(refusal.retryAfterMs === undefined ? {} : { retryAfterMs: Math.ceil(refusal.retryAfterMs) }),
    ...(refusal.limit === undefined ? {} : { limit: refusal.limit }),
  }
}

/** @param delta what of both is new since the last time  @param nowMs monotonic */
export function progressed(
  call: AdmittedCall,
  prompt: number,
  completion: number,
  delta: number,
  nowMs: number,
): DataOf<typeof TokensProgressed> {
  return {
    request: call.id,
    user: call.identity.user,
    key: call.identity.key,
    tier: call.tier,
    refillRate: call.refillRate,
    model: call.model,
    prompt,
    completion,
    delta,
    elapsedMs: Math.round(nowMs - call.startedMs),
  }
}

export interface Ending {
  readonly upstream: string
  readonly status: number
  readonly durationMs: number
  readonly firstByteMs: number | undefined
  readonly bytes: number
  /** Upstreams tried. */
  readonly attempts: number
  /** The model that answered, where it is known. */
  readonly answered: string | undefined
}

/** What `completed`, `failed` and `interrupted` have in common. */
export function ended(call: AdmittedCall, ending: Ending): Fields<DataOf<typeof RequestCompleted>> {
  const { answered, firstByteMs, attempts } = ending
  const data: Fields<DataOf<typeof RequestCompleted>> = {
    request: call.id,
    user: call.identity.user,
    key: call.identity.key,
    model: call.model,
    upstream: shortText(ending.upstream),
    status: ending.status,
    durationMs: rounded(ending.durationMs),
    bytes: ending.bytes,
  }
  if (answered !== undefined) data.answered = shortText(answered)
  if (firstByteMs !== undefined) data.firstByteMs = rounded(firstByteMs)
  if (attempts > 1) data.attempts = attempts
  return data
}

export function settled(
  call: AdmittedCall,
  { upstream, answered }: Pick<Ending, 'upstream' | 'answered'>,
  settlement: Settlement,
  progressed: number,
): DataOf<typeof TokensSettled> {
  const { models, costMicros, unbalanced, vendor, raw } = settlement
  const data: Fields<DataOf<typeof TokensSettled>> = {
    request: call.id,
    user: call.identity.user,
    key: call.identity.key,
    tier: call.tier,
    refillRate: call.refillRate,
    model: call.model,
    upstream: shortText(upstream),
    usage: settlement.usage,
    total: settlement.total,
    reserved: call.reserved,
    progressed,
    source: settlement.source,
  }
  if (answered !== undefined) data.answered = shortText(answered)
  if (models !== undefined) data.models = models
  if (costMicros !== undefined) data.costMicros = costMicros
  if (unbalanced) data.unbalanced = true
  if (vendor !== undefined) data.vendor = vendor
  if (raw !== undefined) data.raw = raw
  return data
}

function rounded(ms: number): number {
  return Math.round(ms * 1_000) / 1_000
}
