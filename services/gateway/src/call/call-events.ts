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

/** The data of each fact about a call. */
export function admitted(call: AdmittedCall): DataOf<typeof RequestAdmitted> {
  return {
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
    ...(call.agent === undefined ? {} : { agent: call.agent }),
    promptChars: call.promptChars,
    promptEstimate: call.promptEstimate,
    reserved: call.reserved,
  }
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
export function ended(call: AdmittedCall, ending: Ending): DataOf<typeof RequestCompleted> {
  return {
    request: call.id,
    user: call.identity.user,
    key: call.identity.key,
    model: call.model,
    ...(ending.answered === undefined ? {} : { answered: shortText(ending.answered) }),
    upstream: shortText(ending.upstream),
    status: ending.status,
    durationMs: rounded(ending.durationMs),
    ...(ending.firstByteMs === undefined ? {} : { firstByteMs: rounded(ending.firstByteMs) }),
    bytes: ending.bytes,
    ...(ending.attempts > 1 ? { attempts: ending.attempts } : {}),
  }
}

export function settled(
  call: AdmittedCall,
  ending: Pick<Ending, 'upstream' | 'answered'>,
  settlement: Settlement,
  progressed: number,
): DataOf<typeof TokensSettled> {
  return {
    request: call.id,
    user: call.identity.user,
    key: call.identity.key,
    tier: call.tier,
    refillRate: call.refillRate,
    model: call.model,
    ...(ending.answered === undefined ? {} : { answered: shortText(ending.answered) }),
    upstream: shortText(ending.upstream),
    usage: settlement.usage,
    total: settlement.total,
    ...(settlement.models === undefined ? {} : { models: settlement.models }),
    reserved: call.reserved,
    progressed,
    ...(settlement.costMicros === undefined ? {} : { costMicros: settlement.costMicros }),
    source: settlement.source,
    ...(settlement.unbalanced ? { unbalanced: true as const } : {}),
    ...(settlement.vendor === undefined ? {} : { vendor: settlement.vendor }),
    ...(settlement.raw === undefined ? {} : { raw: settlement.raw }),
  }
}

function rounded(ms: number): number {
  return Math.round(ms * 1_000) / 1_000
}
