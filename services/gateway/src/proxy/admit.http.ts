import { KeyAccepted } from '@fluxgate/contracts'
import { budgetRefusal, estimate, reservedAmount, writeBudgetHeaders } from '../budgets/index.ts'
import { type AdmittedCall, type Call, requestHeaders, traceparentTo } from '../call/index.ts'
import type { ReadCall, Route } from '../dialects/index.ts'
import { NO_CAPACITY, type Request } from '../edge/index.ts'
import { BAD_MODEL, type Caller, type Refusal, unknownModel } from '../http/index.ts'
import { limitHeaders, overLimit } from '../limits/index.ts'
import { Exchange } from './exchange.http.ts'
import { answerModelList, isModelList } from './models.ts'
import type { ProxyDeps } from './proxy-deps.ts'
import type { RequestScope } from './request-scope.ts'

/** Throttle and bucket, reservation, then off to an upstream. @returns a refusal, or undefined when it is on its way */
export function admit(
  deps: ProxyDeps,
  scope: RequestScope,
  body: Buffer | undefined,
  call: Call,
  route: Route,
  caller: Caller,
): Refusal | undefined {
  const read = readBody(call, route, body)
  if (!read.ok) return { reason: 'invalid_request', code: read.code, message: read.message }
  const { facts } = read.call
  // With an option spliced in it is another buffer, held beside the first until the call has ended.
  const copied = body && read.call.body !== body ? read.call.body.length : 0
  if (copied > 0 && !deps.bodies.takeCopy(scope.share, copied)) return NO_CAPACITY
  if (facts.model.length > 256) return BAD_MODEL
  call.model = facts.model
  if (!deps.upstreams.serves(facts.model, call.dialect.name)) return unknownModel(facts.model)

  const nowMs = deps.nowMs()
  const epochMs = deps.epochMs()
  const { capacity, refillRate } = deps.limits.tierOf(caller.identityText, caller.tier)
  const estimated = body ? estimate(facts, deps.estimates, capacity) : NO_TOKENS
  const { prompt, reserved } = estimated
  const prices = deps.prices.book
  const price = prices.priceOf(facts.model, epochMs)
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
  const { account, user } = admission
  if (!admission.ok) {
    return overLimit(admission, reserved, limitHeaders(account, user, call.dialect.name, nowMs, epochMs))
  }
  const taking = { refillRate, promptEstimate: prompt, reserved, admittedAtMs: epochMs, prices }
  const admittedCall = admittedCallOf(call, caller, route, facts, taking)
  const exchange = new Exchange(deps.exchange, scope, admittedCall, body, read.call.stripUsage)
  // From here on whatever throws, and a client that leaves, gives back what is taken.
  scope.handTo(exchange)
  exchange.slot = deps.running.add(exchange)
  const taken: Taken = { deps, scope, exchange, body, wanted, verdict, account, user, nowMs, epochMs }
  scope.enter('reserved', begin, taken, read.call)
  return undefined
}

type Taking = Pick<AdmittedCall, 'refillRate' | 'promptEstimate' | 'reserved' | 'admittedAtMs' | 'prices'>

/** Field by field: a literal with spreads costs more than all the rest of an admission. */
function admittedCallOf(
  call: Call,
  caller: Caller,
  route: Route,
  { stream, prompt }: ReadCall['facts'],
  taking: Taking,
): AdmittedCall {
  return {
    id: call.id,
    method: call.method,
    path: call.path,
    route,
    dialect: call.dialect,
    address: call.address,
    agent: call.agent,
    traceparent: call.traceparent,
    trace: call.trace,
    startedMs: call.startedMs,
    model: call.model,
    identity: caller.identity,
    identityText: caller.identityText,
    tier: caller.tier,
    refillRate: taking.refillRate,
    stream,
    promptChars: prompt.chars,
    promptEstimate: taking.promptEstimate,
    reserved: taking.reserved,
    admittedAtMs: taking.admittedAtMs,
    prices: taking.prices,
  }
}

/** A call whose tokens are taken. */
interface Taken {
  readonly deps: ProxyDeps
  readonly scope: RequestScope
  readonly exchange: Exchange
  readonly body: Buffer | undefined
  readonly wanted: ReturnType<typeof reservedAmount>
  readonly verdict: Extract<ReturnType<ProxyDeps['budgets']['ask']>, { kind: 'within' }>
  readonly account: Parameters<typeof limitHeaders>[0]
  readonly user: Parameters<typeof limitHeaders>[1]
  readonly nowMs: number
  readonly epochMs: number
}

/** The budgets' hold, the events, then off to an upstream. */
function begin(taken: Taken, read: ReadCall): void {
  const { deps, scope, exchange, body, verdict, epochMs } = taken
  const { call } = exchange
  const { request } = scope
  deps.budgets.reserve(call.id, call, taken.wanted)
  const headers = limitHeaders(taken.account, taken.user, call.dialect.name, taken.nowMs, epochMs)
  writeBudgetHeaders(headers, verdict, epochMs)
  exchange.admit(headers)
  const uses = deps.accepted.use(call.identityText, call.address, call.startedMs)
  if (uses > 0) {
    const fact = { ...call.identity, address: call.address, count: uses }
    deps.append(deps.make(KeyAccepted, fact, { traceparent: call.traceparent }))
  }
  deps.onReserved(call)
  if (isModelList(call)) {
    answerModelList(deps.upstreams, scope, call, exchange)
    return
  }
  deps.upstreams.send(
    {
      method: call.method,
      path: request.url!,
      headers: upstreamHeaders(deps, request, call),
      body: body && read.body,
      bodyAsGiven: read.stripUsage ? body : undefined,
      model: call.model,
      dialect: call.dialect.name,
      caller: call.identity.user,
      isRepeatable: call.route.repeatable,
      boundary: scope,
    },
    exchange,
  )
}

function upstreamHeaders(deps: ProxyDeps, request: Request, call: Call): Record<string, string> {
  const headers = requestHeaders(request.headers, call.id, deps.passedHeaders[call.dialect.name])
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

function readBody(call: Call, route: Route, body: Buffer | undefined) {
  if (!body || body.length === 0) {
    return route.body === 'required'
      ? ({
          ok: false,
          code: 'invalid_json',
          message: 'We could not parse the JSON body of your request.',
        } as const)
      : ({ ok: true, call: NO_BODY } as const)
  }
  return call.dialect.read(call.path, body)
}
