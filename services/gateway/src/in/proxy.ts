import { createHash } from 'node:crypto'
import {
  ANONYMOUS,
  FALLBACK_TIER,
  type Identity,
  identityText,
  isAddressHash,
  KeyAccepted,
  KeyRejected,
  parseIdentity,
  RequestRefused,
} from '@fluxgate/contracts'
import {
  KEYS_UNAVAILABLE,
  type KeyAnswer,
  LOG_FULL,
  overLimit,
  rejection,
  unknownRoute,
} from '../core/admission.ts'
import { dialectOf } from '../core/dialect/of-path.ts'
import { agentProducts } from '../core/edge/agent-products.ts'
import { gateRefusal } from '../core/edge/gate.ts'
import type { EdgeFault } from '../core/edge/request-head.ts'
import { type Call, shortText } from '../core/exchange/call.ts'
import { refused } from '../core/exchange/facts.ts'
import { traceparentOf } from '../core/exchange/headers.ts'
import type { Refusal } from '../core/refusal.ts'
import { REFUSAL_TERMS } from '../core/refusal.ts'
import { admit } from './admit.ts'
import { answerFault } from './edge/answer.ts'
import type { Handler, Request } from './edge/door.ts'
import { dialectOfList } from './models.ts'
import type { ProxyDeps } from './proxy-deps.ts'
import type { RawReply } from './raw-reply.ts'
import { answerRefusal } from './refuse.ts'

const BODY_METHODS = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])
const OUR_FAULT: EdgeFault = Object.freeze({
  status: 500,
  code: 'internal_error',
  message: 'The gateway has made a mistake with this request, which its log tells of.',
})

/** `/v1/*` (OpenAI, Anthropic) and `/api/*` (Ollama): every call of a model comes here, straight from the door. */
export function proxyOf(deps: ProxyDeps): Handler {
  return (request, response) => {
    const reply = response as RawReply
    const encoding = request.headers['content-encoding']
    const refusal = gateRefusal(request.method!, pathOf(request.url!), encoding, deps.overloaded())
    if (refusal) refuseAnonymous(deps, request, reply, refusal)
    else if (BODY_METHODS.has(request.method!)) readBody(deps, request, reply)
    else begin(deps, request, reply, undefined)
  }
}

/** A body stays bytes: it is read once by its dialect and sent on as it is. */
function readBody(deps: ProxyDeps, request: Request, reply: RawReply): void {
  const { bodies } = deps
  // NaN when it is not told.
  const declared = Number(request.headers['content-length'] ?? Number.NaN)
  const share = bodies.isCounted(declared) ? { bytes: 0 } : undefined
  if (share) reply.once('close', () => bodies.release(share))
  bodies.read(request, declared, share, body => {
    if (Buffer.isBuffer(body)) begin(deps, request, reply, body)
    else refuseAnonymous(deps, request, reply, body)
  })
}

/** One call that we fail with must not take down the others. */
function begin(deps: ProxyDeps, request: Request, reply: RawReply, body: Buffer | undefined): void {
  try {
    handle(deps, request, reply, body)
  } catch (error) {
    deps.onFault(error)
    if (reply.headersSent) reply.destroy()
    else answerFault(reply, OUR_FAULT, request.url!, false)
  }
}

/** Before anybody has asked who it is. */
function refuseAnonymous(deps: ProxyDeps, request: Request, reply: RawReply, refusal: Refusal): void {
  const call = callOf(deps, request)
  refuse(deps, reply, call, anonymous(call.address), refusal)
}

/** A path that no route takes: refused in the dialect that it looks like. */
export function refuseUnknown(deps: ProxyDeps, request: Request, reply: RawReply): void {
  refuseAnonymous(deps, request, reply, unknownRoute(request.method!, pathOf(request.url!)))
}

function handle(deps: ProxyDeps, request: Request, reply: RawReply, body: Buffer | undefined): void {
  const call = callOf(deps, request)
  if (deps.logFull()) {
    refuse(deps, reply, call, anonymous(call.address), LOG_FULL)
    return
  }
  const key = keyOf(request)
  const answer = key === undefined ? MISSING : deps.lookupKey(key)
  // A cached key is answered at once; only a look-up in the database waits.
  if (answer instanceof Promise) {
    answer.then(
      found => authenticated(deps, request, reply, body, call, found, true),
      () => authenticated(deps, request, reply, body, call, UNAVAILABLE, true),
    )
  } else {
    authenticated(deps, request, reply, body, call, answer, false)
  }
}

const MISSING: KeyAnswer = { kind: 'rejected', reason: 'missing' }
const UNAVAILABLE: KeyAnswer = { kind: 'unavailable' }

function authenticated(
  deps: ProxyDeps,
  request: Request,
  reply: RawReply,
  body: Buffer | undefined,
  call: Call,
  answer: KeyAnswer,
  isNew: boolean,
): void {
  // A key that this node knows is let through: not all who share an address with a guesser are one.
  if (answer.kind !== 'accepted' || isNew) {
    const barred = addressBarred(deps, call)
    if (barred) {
      refuse(deps, reply, call, anonymous(call.address), barred)
      return
    }
  }
  if (answer.kind === 'accepted') {
    const refusal = admit(deps, request, reply, body, call, answer.caller)
    if (refusal) refuse(deps, reply, call, answer.caller.identity, refusal)
    return
  }
  const identity = anonymous(call.address)
  if (answer.kind === 'unavailable') {
    refuse(deps, reply, call, identity, KEYS_UNAVAILABLE)
    return
  }
  const { reason } = answer
  const fact = { request: call.id, ...identity, address: call.address, reason }
  deps.append(deps.make(KeyRejected, fact, { traceparent: call.traceparent }))
  refuse(deps, reply, call, identity, rejection(answer))
}

/** An address in the penalty box, from which keys were guessed: each try costs it a token, whatever the key is worth. */
function addressBarred(deps: ProxyDeps, call: Call): Refusal | undefined {
  const address = identityText(anonymous(call.address))
  const throttle = deps.throttleOf(address)
  if (!throttle) return undefined
  const admission = deps.limits.admit(
    address,
    FALLBACK_TIER,
    1,
    false,
    throttle,
    deps.nowMs(),
    deps.epochMs(),
  )
  return admission.ok ? undefined : overLimit(admission, 1, {})
}

function refuse(deps: ProxyDeps, reply: RawReply, call: Call, identity: Identity, refusal: Refusal): void {
  const status = refusal.status ?? REFUSAL_TERMS[refusal.reason].status
  deps.onRefused(call, identity, refusal, status)
  if (deps.logFull()) {
    // What room is left is for the endings of what is in flight.
    answerRefusal(reply, call, refusal)
    return
  }
  deps.append(
    deps.make(RequestRefused, refused(call, identity, refusal, status), { traceparent: call.traceparent }),
  )
  deps.exchange.committed(() => answerRefusal(reply, call, refusal))
}

function callOf(deps: ProxyDeps, request: Request): Call {
  const path = pathOf(request.url!)
  const agent = request.headers['user-agent']
  const traceparent = traceparentOf(request.headers.traceparent)
  return {
    id: deps.newRequestId(),
    method: request.method!,
    path,
    dialect: dialectOfList(request, path) ?? dialectOf(path),
    address: shortText(deps.addressOf(request)),
    agent: agent === undefined ? undefined : agentProducts(agent),
    traceparent,
    trace: deps.beginTrace?.(traceparent),
    startedMs: deps.nowMs(),
    model: '',
  }
}

function pathOf(url: string): string {
  const query = url.indexOf('?')
  return query === -1 ? url : url.slice(0, query)
}

/** `Authorization: Bearer` (RFC 6750 section 2.1), or Anthropic's `x-api-key`. Never the query: it would be logged. */
export function keyOf(request: Pick<Request, 'headers'>): string | undefined {
  const { authorization } = request.headers
  if (authorization !== undefined) {
    return /^bearer /i.test(authorization) ? authorization.slice(7).trim() : ''
  }
  const key = request.headers['x-api-key']
  return typeof key === 'string' ? key.trim() : undefined
}

/** Unauthenticated callers count by a keyed hash of their address, which events have already. */
export function anonymous(address: string): Identity {
  if (isAddressHash(address)) return { user: ANONYMOUS, key: address }
  return { user: ANONYMOUS, key: createHash('sha256').update(address).digest('hex').slice(0, 16) }
}

/** Tells what was used and not told yet, before a node stops. */
export function tellRest(deps: Pick<ProxyDeps, 'accepted' | 'append' | 'make'>): void {
  for (const [text, address, count] of deps.accepted.rest()) {
    const identity = parseIdentity(text)
    if (identity) deps.append(deps.make(KeyAccepted, { ...identity, address, count }))
  }
}
