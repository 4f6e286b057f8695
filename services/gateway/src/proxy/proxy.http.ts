import { FALLBACK_TIER, type Identity, identityText, KeyAccepted, parseIdentity } from '@fluxgate/contracts'
import { addressIdentity } from '@fluxgate/contracts/address-identity'
import { type Call, refused, shortText, traceparentOf } from '../call/index.ts'
import { credentialsOf, lookUpCredentials } from '../callers/index.ts'
import { dialectNamed, dialectOf, type Route } from '../dialects/index.ts'
import {
  answerError,
  type EdgeError,
  type Gate,
  gateOf,
  type Handler,
  NO_CAPACITY,
  type Request,
} from '../edge/index.ts'
import {
  agentProducts,
  type Caller,
  KEYS_UNAVAILABLE,
  type KeyAnswer,
  LOG_FULL,
  type RawReply,
  REFUSAL_TERMS,
  type Refusal,
  type RejectionReason,
  rejection,
  unknownRoute,
} from '../http/index.ts'
import { overLimit } from '../limits/index.ts'
import { admit } from './admit.http.ts'
import { INTERNAL_ERROR } from './exchange.http.ts'
import { dialectOfList } from './models.ts'
import type { ProxyDeps } from './proxy-deps.ts'
import { answerRefusal } from './refuse.ts'
import { RequestScope, type ScopeDeps } from './request-scope.ts'

/** `/v1/*` (OpenAI, Anthropic) and `/api/*` (Ollama): every call of a model comes here, straight from the door. */
export function proxyOf(deps: ProxyDeps): Handler {
  const { onError, probe } = deps
  const scopeDeps: ScopeDeps = {
    onError,
    probe,
    release: share => deps.bodies.release(share),
    answerError: scope => answerInternalError(deps, scope),
  }
  return (request, response) => {
    const scope = new RequestScope(scopeDeps, request, response as RawReply)
    scope.enter('received', receive, deps, scope)
  }
}

/** One request on its way to admission. */
interface Arrival {
  readonly deps: ProxyDeps
  readonly scope: RequestScope
  readonly call: Call
  readonly gate: Exclude<Gate, { kind: 'refused' }>
}

/**
 * The head alone decides who it is and whether it may go on, so that no body is read for a caller without a key. A cached
 * key is answered at once; only a look-up in the database waits.
 */
function receive(deps: ProxyDeps, scope: RequestScope): void {
  if (scope.isGone) return
  const { request } = scope
  const { headers } = request
  const path = pathOf(request.url!)
  const head = {
    method: request.method!,
    path,
    contentEncoding: headers['content-encoding'],
    upgrade: headers.upgrade,
  }
  const gate = gateOf(head, deps.routes, deps.overloaded())
  const call = callOf(deps, request, path, gate.kind === 'route' ? gate.route : undefined)
  if (gate.kind === 'refused') {
    refuse(deps, scope.reply, call, addressIdentity(call.address), gate.refusal)
    return
  }
  if (deps.logFull()) {
    refuse(deps, scope.reply, call, addressIdentity(call.address), LOG_FULL)
    return
  }
  const arrival: Arrival = { deps, scope, call, gate }
  const { lookupKey } = deps
  const answer = lookUpCredentials(credentialsOf(headers), lookupKey)
  if (!(answer instanceof Promise)) {
    authenticated(arrival, answer, false)
    return
  }
  // What the client sends meanwhile waits in its stream's window; room for that much is taken first.
  if (!deps.bodies.takeWindow(request, scope.share)) {
    refuse(deps, scope.reply, call, addressIdentity(call.address), NO_CAPACITY)
    return
  }
  const found = (result: KeyAnswer) => scope.enter('key_found', looked, arrival, result)
  answer.then(found, () => found(UNAVAILABLE))
}

function looked(arrival: Arrival, answer: KeyAnswer): void {
  if (!arrival.scope.isGone) authenticated(arrival, answer, true)
}

/** A fault of ours before the call was admitted. */
function answerInternalError(deps: ProxyDeps, { request, reply }: RequestScope): void {
  try {
    if (reply.headersSent) reply.destroy()
    else answerError(reply, INTERNAL, request.url!, request.httpVersionMajor === 1)
  } catch (error) {
    deps.onError(error)
    reply.destroy()
  }
}

const INTERNAL: EdgeError = Object.freeze({
  status: 500,
  code: INTERNAL_ERROR.code,
  message: INTERNAL_ERROR.message,
})

/** A path that no route takes: refused in the dialect that it looks like. */
export function refuseUnknown(deps: ProxyDeps, request: Request, reply: RawReply): void {
  const path = pathOf(request.url!)
  const call = callOf(deps, request, path, undefined)
  refuse(deps, reply, call, addressIdentity(call.address), unknownRoute(request.method!, path))
}

const UNAVAILABLE: KeyAnswer = { kind: 'unavailable' }

function authenticated(arrival: Arrival, answer: KeyAnswer, isNew: boolean): void {
  const { deps, scope, call } = arrival
  const { reply } = scope
  // A key that this node knows is let through: not all who share an address with a guesser are one.
  if (answer.kind !== 'accepted' || isNew) {
    const blocked = addressBlocked(deps, call)
    if (blocked) {
      refuse(deps, reply, call, addressIdentity(call.address), blocked)
      return
    }
  }
  if (answer.kind === 'accepted') {
    accepted(arrival, answer.caller)
    return
  }
  const identity = addressIdentity(call.address)
  if (answer.kind === 'unavailable') {
    refuse(deps, reply, call, identity, KEYS_UNAVAILABLE)
    return
  }
  refuse(deps, reply, call, identity, rejection(answer), answer.reason)
}

/** A body stays bytes: it is read once by its dialect and sent on as it is. */
function accepted({ deps, scope, call, gate }: Arrival, caller: Caller): void {
  if (gate.kind === 'unknown') {
    refuse(deps, scope.reply, call, caller.identity, gate.refusal)
    return
  }
  const { route } = gate
  const go = (body: Buffer | undefined): void => {
    const refusal = admit(deps, scope, body, call, route, caller)
    if (refusal) refuse(deps, scope.reply, call, caller.identity, refusal)
  }
  if (route.body === 'none') {
    go(undefined)
    return
  }
  const read = (body: Buffer | Refusal): void => {
    if (scope.isGone) return
    if (Buffer.isBuffer(body)) go(body)
    else refuse(deps, scope.reply, call, caller.identity, body)
  }
  deps.bodies.read(scope.request, scope.share, body => scope.enter('body_read', read, body, undefined))
}

/** An address in the penalty box, from which keys were guessed: each try costs it a token, whatever the key is worth. */
function addressBlocked(deps: ProxyDeps, call: Call): Refusal | undefined {
  const address = identityText(addressIdentity(call.address))
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

/** Refusals are reported by {@link RefusalReports}; a client waits only for a report that its own request has caused. */
function refuse(
  deps: ProxyDeps,
  reply: RawReply,
  call: Call,
  identity: Identity,
  refusal: Refusal,
  rejected?: RejectionReason,
): void {
  const status = refusal.status ?? REFUSAL_TERMS[refusal.reason].status
  deps.onRefused(call, identity, refusal, status)
  // A full log has room for the endings of what is in flight only.
  const mayReport = !deps.logFull()
  const fact = refused(call, identity, refusal, status)
  const isReported = deps.refusals.add(fact, rejected, call.traceparent, deps.nowMs(), mayReport)
  if (isReported) deps.exchange.committed(() => answerRefusal(reply, call, refusal))
  // As after a commit: never while the request is still being read.
  else setImmediate(() => answerRefusal(reply, call, refusal))
}

function callOf(deps: ProxyDeps, request: Request, path: string, route: Route | undefined): Call {
  const agent = request.headers['user-agent']
  const traceparent = traceparentOf(request.headers.traceparent)
  return {
    id: deps.newRequestId(),
    method: request.method!,
    path,
    route,
    dialect: dialectOfList(request, path) ?? (route ? dialectNamed(route.dialect) : dialectOf(path)),
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

/** Tells what was used and not told yet, before a node stops. */
export function reportAcceptedKeys(
  deps: Pick<ProxyDeps, 'accepted' | 'append' | 'make' | 'refusals' | 'nowMs'>,
): void {
  deps.refusals.flushAll(deps.nowMs())
  for (const [text, address, count] of deps.accepted.rest()) {
    const identity = parseIdentity(text)
    if (identity) deps.append(deps.make(KeyAccepted, { ...identity, address, count }))
  }
}
