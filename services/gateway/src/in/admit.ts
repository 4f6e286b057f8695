import { KeyAccepted, RequestAdmitted } from '@fluxgate/contracts'
import { BAD_MODEL, type Caller, overLimit, unknownModel, unknownRoute } from '../core/admission.ts'
import { tellBudgets } from '../core/budgets/headers.ts'
import { budgetRefusal } from '../core/budgets/refusal.ts'
import { reservedAmount } from '../core/budgets/reserved.ts'
import type { ReadCall } from '../core/dialect/dialect.ts'
import type { AdmittedCall, Call } from '../core/exchange/call.ts'
import { admitted } from '../core/exchange/facts.ts'
import { requestHeaders } from '../core/exchange/headers.ts'
import { traceparentTo } from '../core/exchange/trace.ts'
import { estimate } from '../core/limits/estimate.ts'
import { limitHeaders } from '../core/limits/limit-headers.ts'
import type { Refusal } from '../core/refusal.ts'
import type { Request } from './edge/door.ts'
import { Exchange } from './exchange.ts'
import { answerModelList, isModelList } from './models.ts'
import type { ProxyDeps } from './proxy-deps.ts'
import type { RawReply } from './raw-reply.ts'

/** Paths that a model server answers; all else under our roots is unknown. */
const OLLAMA_PATHS = new Set(['chat', 'generate', 'embed', 'embeddings', 'tags', 'show', 'ps', 'version'])

/** Throttle and bucket, reservation, then off to an upstream. @returns a refusal, or undefined when it is on its way */
export function admit(
  deps: ProxyDeps,
  request: Request,
  reply: RawReply,
  body: Buffer | undefined,
  call: Call,
  caller: Caller,
): Refusal | undefined {
  if (call.dialect.name === 'ollama' && !OLLAMA_PATHS.has(call.path.slice('/api/'.length)))
    return unknownRoute(call.method, call.path)
  const read = readBody(call, body)
  if (!read.ok) return { reason: 'invalid_request', code: read.code, message: read.message }
  const { facts } = read.call
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
    admittedAtMs: epochMs,
    prices,
  }
  const options = { traceparent: call.traceparent }
  const event = deps.make(RequestAdmitted, admitted(admittedCall), options)
  deps.append(event)
  const uses = deps.accepted.use(caller.identityText, call.address, nowMs)
  if (uses > 0) {
    const fact = { ...caller.identity, address: call.address, count: uses }
    deps.append(deps.make(KeyAccepted, fact, options))
  }
  deps.onReserved(admittedCall)
  const exchange = new Exchange(
    deps.exchange,
    admittedCall,
    event,
    reply,
    body,
    read.call.stripUsage,
    headers,
  )
  exchange.place = deps.running.add(exchange)
  if (isModelList(call)) {
    answerModelList(deps.upstreams, call, exchange)
    return undefined
  }
  deps.upstreams.send(
    {
      method: call.method,
      path: request.url!,
      headers: upstreamHeaders(request, call),
      body: body && read.call.body,
      model: call.model,
      dialect: call.dialect.name,
    },
    exchange,
  )
  return undefined
}

function upstreamHeaders(request: Request, call: Call): Record<string, string> {
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
      ? ({
          ok: false,
          code: 'invalid_json',
          message: 'We could not parse the JSON body of your request.',
        } as const)
      : ({ ok: true, call: NO_BODY } as const)
  }
  return call.dialect.read(call.path, body)
}
