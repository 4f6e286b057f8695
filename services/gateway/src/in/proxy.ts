import { createHash } from 'node:crypto'
import {
  ANONYMOUS,
  type EventMaker,
  FALLBACK_TIER,
  type Identity,
  identityText,
  KeyAccepted,
  KeyRejected,
  type OutgoingEvent,
  type Prices,
  parseIdentity,
  RequestAdmitted,
  RequestRefused,
  type Throttle,
} from '@fluxgate/contracts'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { AcceptedKeys } from '../core/accepted-keys.ts'
import {
  BAD_MODEL,
  type Caller,
  KEYS_UNAVAILABLE,
  type KeyAnswer,
  LOG_FULL,
  overLimit,
  rejection,
  unknownModel,
  unknownRoute,
} from '../core/admission.ts'
import type { BudgetTable } from '../core/budgets/budget-table.ts'
import { tellBudgets } from '../core/budgets/headers.ts'
import { budgetRefusal } from '../core/budgets/refusal.ts'
import { reservedAmount } from '../core/budgets/reserved.ts'
import type { ReadCall } from '../core/dialect/dialect.ts'
import { dialectOf } from '../core/dialect/of-path.ts'
import { gateRefusal } from '../core/edge/gate.ts'
import { type AdmittedCall, type Call, shortText } from '../core/exchange/call.ts'
import { admitted, refused } from '../core/exchange/facts.ts'
import { requestHeaders, traceparentOf } from '../core/exchange/headers.ts'
import { type CallTrace, traceparentTo } from '../core/exchange/trace.ts'
import type { Upstreams } from '../core/exchange/upstream.ts'
import { type EstimateLimits, estimate } from '../core/limits/estimate.ts'
import { limitHeaders } from '../core/limits/limit-headers.ts'
import type { LimitTable } from '../core/limits/limit-table.ts'
import type { Refusal } from '../core/refusal.ts'
import { REFUSAL_TERMS } from '../core/refusal.ts'
import { type Bodies, BodyRefused, type BodyShare } from './edge/bodies.ts'
import { Exchange, type ExchangeDeps } from './exchange.ts'
import { answerModelList, dialectOfList, isModelList } from './models.ts'
import type { RawReply } from './raw-reply.ts'
import { answerRefusal } from './refuse.ts'

export interface ProxyDeps {
  readonly exchange: ExchangeDeps
  readonly upstreams: Upstreams
  readonly lookupKey: (key: string) => KeyAnswer | Promise<KeyAnswer>
  readonly throttleOf: (identity: string) => Throttle | undefined
  readonly limits: LimitTable
  readonly budgets: BudgetTable
  readonly prices: Pick<Prices, 'priceOf'>
  readonly estimates: EstimateLimits
  readonly accepted: AcceptedKeys
  readonly bodies: Bodies
  /** True when this node has more to do than it can. */
  readonly overloaded: () => boolean
  readonly append: (event: OutgoingEvent) => void
  readonly make: EventMaker
  /** True when the log can take no new work. */
  readonly logFull: () => boolean
  readonly newRequestId: () => string
  readonly nowMs: () => number
  readonly epochMs: () => number
  readonly onReserved: (call: AdmittedCall) => void
  readonly onRefused: (call: Call, identity: Identity, refusal: Refusal, status: number) => void
  /** Absent while tracing is off. */
  readonly beginTrace?: ((traceparent: string | undefined) => CallTrace) | undefined
  /** Exchanges in flight, for draining. */
  readonly running: Set<Exchange>
}

/** Paths that a model server answers; all else under our roots is unknown. */
const OLLAMA_PATHS = new Set(['chat', 'generate', 'embed', 'embeddings', 'tags', 'show', 'ps', 'version'])

/** `/v1/*` (OpenAI, Anthropic) and `/api/*` (Ollama): every call of a model goes through here. */
export async function registerProxy(app: FastifyInstance, deps: ProxyDeps): Promise<void> {
  await app.register(async scope => {
    // Bodies stay bytes: they are read once by their dialect and sent on as they are.
    scope.removeAllContentTypeParsers()
    scope.decorateRequest<BodyShare | undefined>('bodyShare', undefined)
    scope.addContentTypeParser('*', (request, payload, done) => {
      deps.bodies.read(payload, declaredLength(request), request.bodyShare, done)
    })
    scope.addHook('onRequest', (request, reply, next) => {
      const encoding = request.headers['content-encoding']
      const refusal = gateRefusal(request.method, pathOf(request.url), encoding, deps.overloaded())
      if (refusal) {
        refuseAnonymous(deps, request, reply, refusal)
        return
      }
      if (BODY_METHODS.has(request.method) && deps.bodies.isCounted(declaredLength(request))) {
        const share = { bytes: 0 }
        request.bodyShare = share
        reply.raw.once('close', () => deps.bodies.release(share))
      }
      next()
    })
    const handler = (request: FastifyRequest, reply: FastifyReply): void => {
      reply.hijack()
      handle(deps, request, reply.raw as RawReply)
    }
    scope.all('/v1/*', handler)
    scope.all('/api/*', handler)
    scope.setErrorHandler<Error>((error, request, reply) => {
      const refusal: Refusal =
        error instanceof BodyRefused
          ? error.refusal
          : { reason: 'invalid_request', code: 'invalid_body', message: error.message }
      refuseAnonymous(deps, request, reply, refusal)
    })
  })
}

declare module 'fastify' {
  interface FastifyRequest {
    bodyShare: BodyShare | undefined
  }
}

const BODY_METHODS = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])

/** NaN when it is not told. */
function declaredLength(request: FastifyRequest): number {
  return Number(request.headers['content-length'] ?? NaN)
}

/** Before anybody has asked who it is. */
function refuseAnonymous(
  deps: ProxyDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  refusal: Refusal,
): void {
  reply.hijack()
  const call = callOf(deps, request)
  refuse(deps, reply.raw as RawReply, call, anonymous(call.address), refusal)
}

/** A path that no route takes: refused in the dialect that it looks like. */
export function refuseUnknown(deps: ProxyDeps, request: FastifyRequest, reply: FastifyReply): void {
  refuseAnonymous(deps, request, reply, unknownRoute(request.method, pathOf(request.url)))
}

function handle(deps: ProxyDeps, request: FastifyRequest, reply: RawReply): void {
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
      found => authenticated(deps, request, reply, call, found, true),
      () => authenticated(deps, request, reply, call, UNAVAILABLE, true),
    )
  } else {
    authenticated(deps, request, reply, call, answer, false)
  }
}

const MISSING: KeyAnswer = { kind: 'rejected', reason: 'missing' }
const UNAVAILABLE: KeyAnswer = { kind: 'unavailable' }

function authenticated(
  deps: ProxyDeps,
  request: FastifyRequest,
  reply: RawReply,
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
    const refusal = admit(deps, request, reply, call, answer.caller)
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

/** Throttle and bucket, reservation, then off to an upstream. @returns a refusal, or undefined when it is on its way */
function admit(
  deps: ProxyDeps,
  request: FastifyRequest,
  reply: RawReply,
  call: Call,
  caller: Caller,
): Refusal | undefined {
  if (call.dialect.name === 'ollama' && !OLLAMA_PATHS.has(call.path.slice('/api/'.length)))
    return unknownRoute(call.method, call.path)
  const body = request.body as Buffer | undefined
  const read = readBody(call, body)
  if (!read.ok) return { reason: 'invalid_request', code: 'invalid_json', message: read.message }
  const { facts } = read.call
  if (facts.model.length > 256) return BAD_MODEL
  call.model = facts.model
  if (!deps.upstreams.serves(facts.model, call.dialect.name)) return unknownModel(facts.model)

  const nowMs = deps.nowMs()
  const epochMs = deps.epochMs()
  const { capacity, refillRate } = deps.limits.tierOf(caller.identityText, caller.tier)
  const estimated = body ? estimate(facts, deps.estimates, capacity) : NO_TOKENS
  const { prompt, reserved } = estimated
  const price = deps.prices.priceOf(facts.model)
  const wanted = reservedAmount(estimated, price)
  const verdict = deps.budgets.ask(caller, wanted, epochMs)
  if (verdict.kind !== 'within') {
    deps.budgets.refused(verdict, caller, call.id)
    return budgetRefusal(verdict, wanted, epochMs)
  }
  const throttle = deps.throttleOf(caller.identityText)
  const admission = deps.limits.admit(
    caller.identityText,
    caller.tier,
    reserved,
    facts.stream,
    throttle,
    nowMs,
    epochMs,
  )
  const headers = limitHeaders(admission.account, call.dialect.name, nowMs, epochMs)
  if (!admission.ok) return overLimit(admission, reserved, headers)
  deps.budgets.reserve(call.id, caller, wanted)
  tellBudgets(headers, verdict, epochMs)

  const admittedCall: AdmittedCall = {
    ...call,
    ...caller,
    refillRate,
    stream: facts.stream,
    promptChars: facts.prompt.chars,
    promptEstimate: prompt,
    reserved,
    price,
  }
  const options = { traceparent: call.traceparent }
  deps.append(deps.make(RequestAdmitted, admitted(admittedCall), options))
  const uses = deps.accepted.use(caller.identityText, call.address, nowMs)
  if (uses > 0) {
    const fact = { ...caller.identity, address: call.address, count: uses }
    deps.append(deps.make(KeyAccepted, fact, options))
  }
  deps.onReserved(admittedCall)
  const exchange = new Exchange(deps.exchange, admittedCall, reply, body, read.call.stripUsage, headers)
  deps.running.add(exchange)
  if (isModelList(call)) {
    answerModelList(deps.upstreams, call, exchange)
    return undefined
  }
  deps.upstreams.send(
    {
      method: call.method,
      path: request.url,
      headers: upstreamHeaders(request, call),
      body: body && read.call.body,
      model: call.model,
      dialect: call.dialect.name,
    },
    exchange,
  )
  return undefined
}

function upstreamHeaders(request: FastifyRequest, call: Call): Record<string, string> {
  const headers = requestHeaders(request.headers, call.id)
  if (call.trace) {
    headers.traceparent = traceparentTo(call.trace)
    // Whatever it said belonged to a trace that ours does not go on with.
    if (call.trace.parentSpanId === undefined) delete headers.tracestate
  }
  return headers
}

const NO_TOKENS = Object.freeze({ prompt: 0, reserved: 0 })
const NO_PROMPT = Object.freeze({ chars: 0, tokens: 0 })
const NO_BODY: ReadCall = Object.freeze({
  facts: Object.freeze({ model: '', stream: false, prompt: NO_PROMPT, answers: 0, maxTokens: 0 }),
  body: Buffer.alloc(0),
  stripUsage: false,
})

function readBody(call: Call, body: Buffer | undefined) {
  if (!body || body.length === 0) {
    return call.method === 'POST'
      ? ({ ok: false, message: 'We could not parse the JSON body of your request.' } as const)
      : ({ ok: true, call: NO_BODY } as const)
  }
  return call.dialect.read(call.path, body)
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

function callOf(deps: ProxyDeps, request: FastifyRequest): Call {
  const path = pathOf(request.url)
  const agent = request.headers['user-agent']
  const traceparent = traceparentOf(request.headers.traceparent)
  return {
    id: deps.newRequestId(),
    method: request.method,
    path,
    dialect: dialectOfList(request, path) ?? dialectOf(path),
    address: shortText(request.ip),
    agent: agent === undefined ? undefined : shortText(agent),
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
function keyOf(request: FastifyRequest): string | undefined {
  const { authorization } = request.headers
  if (authorization !== undefined) {
    return /^bearer /i.test(authorization) ? authorization.slice(7).trim() : ''
  }
  const key = request.headers['x-api-key']
  return typeof key === 'string' ? key.trim() : undefined
}

/** Unauthenticated callers count by a hash of their address. */
export function anonymous(address: string): Identity {
  return { user: ANONYMOUS, key: createHash('sha256').update(address).digest('hex').slice(0, 16) }
}

/** Tells what was used and not told yet, before a node stops. */
export function tellRest(deps: Pick<ProxyDeps, 'accepted' | 'append' | 'make'>): void {
  for (const [text, address, count] of deps.accepted.rest()) {
    const identity = parseIdentity(text)
    if (identity) deps.append(deps.make(KeyAccepted, { ...identity, address, count }))
  }
}
