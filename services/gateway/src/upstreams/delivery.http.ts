import type { Boundary, ResponseHeaders } from '../http/index.ts'
import { Attempt, type AttemptOwner } from './attempt.http.ts'
import { BufferedAnswer } from './buffered-answer.ts'
import type { Asked } from './circuits.ts'
import { Decoder, type DecoderSink, decodedHeaders, decodingOf } from './decoder.ts'
import type { Fleet, Waiting } from './fleet.http.ts'
import type { LiveUpstream } from './live-upstream.http.ts'
import { backoffMs, isRetryableAnswer, retryAfterMsOf } from './retry.ts'
import { withModel } from './splice-model.ts'
import type { UpstreamControl, UpstreamError, UpstreamListener, UpstreamRequest } from './upstream.ts'
import { allFull, REDIRECTED } from './upstream-errors.http.ts'

const REDIRECTS = new Set([301, 302, 303, 307, 308])
/** When to come again after all were busy. */
const BUSY_RETRY_MS = 1_000
const NONE: readonly LiveUpstream[] = Object.freeze([])

/**
 * One call on its way through as many attempts as it needs: at first one, then retries and fallback models while no
 * byte of an answer has gone to the listener. Whatever happens, the listener hears one end, unless the call is aborted.
 */
export class Delivery implements UpstreamControl, AttemptOwner, DecoderSink, Waiting {
  readonly #fleet: Fleet
  readonly #request: UpstreamRequest
  readonly #listener: UpstreamListener
  readonly #startedMs: number
  /** The model that is tried now: the one asked for, or a fallback. */
  #model: string
  #attempts = 0
  #allowed: number
  #route: readonly LiveUpstream[] = NONE
  #tried: readonly LiveUpstream[] = NONE
  #fallbacks: string[] | undefined
  #attempt: Attempt | undefined
  /** A failed answer, for the client in case that nothing better comes. */
  #buffered: BufferedAnswer | undefined
  #decoder: Decoder | undefined
  /** The answer's head, until a byte of its body or its end has come: before that the call may still be tried elsewhere. */
  #head: { readonly status: number; readonly headers: ResponseHeaders } | undefined
  /** Set when a server has refused to be asked for usage: the client's own body is sent instead. */
  #isAsGiven = false
  #isTaken = false
  #lastError: UpstreamError | undefined
  #timer: NodeJS.Timeout | undefined
  #isForwarding = false
  #isDone = false

  constructor(fleet: Fleet, request: UpstreamRequest, listener: UpstreamListener) {
    this.#fleet = fleet
    this.#request = request
    this.#listener = listener
    this.#model = request.model
    this.#allowed = fleet.policy.retry.maxAttempts
    this.#startedMs = fleet.deps.nowMs()
  }

  begin(): void {
    this.#fleet.budget.called()
    this.#listener.onSending(this)
    this.#next()
  }

  get route(): readonly LiveUpstream[] {
    return this.#route
  }

  abort(reason: Error): void {
    this.#isDone = true
    clearTimeout(this.#timer)
    this.#fleet.leave(this)
    this.#decoder?.destroy()
    this.#buffered?.release()
    this.#buffered?.attempt.abort(reason)
    this.#attempt?.abort(reason)
  }

  finish(): void {
    this.#isDone = true
    this.#decoder?.destroy()
    this.#attempt?.finish()
  }

  pause(): void {
    if (this.#decoder) this.#decoder.pause()
    else this.#attempt?.pause()
  }

  resume(): void {
    if (this.#decoder) this.#decoder.resume()
    else this.#attempt?.resume()
  }

  tryAgain(): boolean {
    this.#isTaken = false
    this.#boundary.enter('queue', Delivery.#tryAgain, this, undefined)
    return this.#isTaken
  }

  onAnswer(attempt: Attempt, status: number, headers: ResponseHeaders): void {
    if (REDIRECTS.has(status)) {
      attempt.abort(new Error('a redirect'))
      this.#lastError = REDIRECTED()
      this.#finish(this.#lastError)
      return
    }
    if (this.#isOptionRefused(attempt, status)) {
      attempt.abort(new Error('not needed'))
      this.#isAsGiven = true
      this.#send(attempt.upstream)
      return
    }
    if (isRetryableAnswer(status, headers, this.#request.isRepeatable)) {
      const retryAfterMs = retryAfterMsOf(headers, this.#fleet.deps.epochMs())
      if (retryAfterMs > 0) attempt.upstream.rest(retryAfterMs, this.#fleet.deps.nowMs())
      if (this.#planNext(attempt.upstream, retryAfterMs)) {
        this.#dropBuffered()
        this.#buffered = new BufferedAnswer(attempt, status, headers, this.#fleet.deps.room)
        return
      }
    }
    this.#dropBuffered()
    this.#open(status, headers)
  }

  /** Whether the answer may be a refusal of the option that asks for usage, which the client did not send. */
  #isOptionRefused({ upstream, isAskingForUsage }: Attempt, status: number): boolean {
    const { usageOption } = upstream
    const isGood = status >= 200 && status < 300
    if (isAskingForUsage) {
      if (isGood) usageOption.accepted(this.#model)
      return (status === 400 || status === 422) && usageOption.isUnknown(this.#model)
    }
    if (this.#isAsGiven && isGood) usageOption.refused(this.#model)
    return false
  }

  onChunk(attempt: Attempt, chunk: Buffer): void {
    if (attempt !== this.#buffered?.attempt) this.#write(chunk)
    else if (!this.#buffered.add(chunk)) this.#lose(this.#buffered)
  }

  onWhole(attempt: Attempt): void {
    const buffered = this.#buffered
    if (attempt !== buffered?.attempt) this.#close()
    else {
      buffered.isWhole = true
      if (this.#isDone) this.#replay(buffered)
    }
  }

  onBroken(attempt: Attempt, error: UpstreamError, isOurs: boolean): void {
    if (attempt === this.#buffered?.attempt) {
      this.#lose(this.#buffered)
      return
    }
    this.#decoder?.destroy()
    if (this.#isForwarding) {
      this.#isDone = true
      this.#listener.onError(error)
      return
    }
    this.#decoder = undefined
    this.#head = undefined
    this.#lastError = error
    const mayRepeat =
      error.phase === 'connect' || (this.#fleet.policy.retry.afterSent && this.#request.isRepeatable)
    // One that did not answer in time is busy with the call still: another may have it, but it not twice.
    const restMs = error.code === 'upstream_timeout' ? Number.POSITIVE_INFINITY : 0
    if (isOurs || !mayRepeat || !this.#planNext(attempt.upstream, restMs)) this.#finish(error)
  }

  onDecoded(chunk: Buffer): void {
    this.#deliver(chunk)
  }

  onDecodedEnd(): void {
    this.#end()
  }

  onDecodeError(error: UpstreamError): void {
    this.#isDone = true
    this.#attempt?.abort(error)
    this.#listener.onError(error)
  }

  get #boundary(): Boundary {
    return this.#request.boundary
  }

  get #asked(): Asked {
    return { model: this.#model, caller: this.#request.caller }
  }

  static #tryAgain(self: Delivery): void {
    self.#route = self.#fleet.routeOf(self.#model, self.#request.dialect)
    const picked = self.#fleet.pick(self.#route, self.#tried, self.#asked)
    if (picked.kind === 'full') return
    clearTimeout(self.#timer)
    self.#fleet.leave(self)
    self.#isTaken = picked.kind === 'picked'
    if (picked.kind === 'none') self.#giveUp(picked.error)
    else self.#send(picked.upstream)
  }

  static #waited(self: Delivery): void {
    self.#fleet.leave(self)
    self.#giveUp(allFull(BUSY_RETRY_MS))
  }

  static #retry(self: Delivery): void {
    self.#next()
  }

  #next(): void {
    this.#route = this.#fleet.routeOf(this.#model, this.#request.dialect)
    const picked = this.#fleet.pick(this.#route, this.#tried, this.#asked)
    if (picked.kind === 'picked') this.#send(picked.upstream)
    else if (picked.kind === 'none') this.#giveUp(picked.error)
    else this.#queue()
  }

  #queue(): void {
    const { maxWaitMs } = this.#fleet.policy.queue
    if (maxWaitMs === 0 || !this.#fleet.wait(this)) {
      this.#giveUp(allFull(BUSY_RETRY_MS))
      return
    }
    this.#timer = setTimeout(
      () => this.#boundary.enter('queue', Delivery.#waited, this, undefined),
      maxWaitMs,
    )
  }

  #send(upstream: LiveUpstream): void {
    const { spec, names } = upstream
    const { method, path, headers, bodyAsGiven, model: asked, dialect } = this.#request
    const own = names.ownName(this.#model) ?? this.#model
    const isAskingForUsage =
      bodyAsGiven !== undefined && !this.#isAsGiven && upstream.usageOption.isAsked(this.#model)
    const body = isAskingForUsage ? this.#request.body : (bodyAsGiven ?? this.#request.body)
    this.#attempts++
    const attempt = new Attempt(this, this.#fleet, upstream, {
      model: this.#model,
      caller: this.#request.caller,
      boundary: this.#boundary,
      isRepeat: this.#tried.includes(upstream),
      isAskingForUsage,
    })
    this.#attempt = attempt
    this.#listener.onAttempt(spec.name, this.#model === asked ? undefined : this.#model, spec.vendor)
    upstream.dispatch(
      {
        path: spec.prefix + path,
        method,
        headers: upstream.hasHeaders ? { ...headers, ...spec.headers } : headers,
        body: body === undefined || own === asked ? (body ?? null) : withModel(body, own, dialect),
      },
      attempt,
    )
  }

  /** After a failed attempt: plans another one, at the same model or a fallback. @returns false when there is to be none */
  #planNext(failed: LiveUpstream, retryAfterMs: number): boolean {
    const { policy, budget, counts, deps } = this.#fleet
    const { retry } = policy
    this.#tried = [...this.#tried, failed]
    const now = deps.nowMs()
    let delayMs = backoffMs(this.#attempts - 1, retry, deps.random)
    let isSameModel = this.#attempts < this.#allowed
    if (isSameModel && !this.#fleet.hasAnother(this.#route, this.#tried, this.#asked)) {
      if (retryAfterMs > retry.maxRetryAfterMs) isSameModel = false
      else delayMs = Math.max(delayMs, retryAfterMs)
    }
    if (now + delayMs - this.#startedMs > retry.maxTotalMs) return false
    const fallback = isSameModel ? undefined : this.#nextFallback()
    if (!isSameModel && fallback === undefined) return false
    if (!budget.take(now)) {
      counts.retriesSpared++
      return false
    }
    counts.retries++
    if (fallback !== undefined) this.#useFallback(fallback)
    this.#timer = setTimeout(() => this.#boundary.enter('retry', Delivery.#retry, this, undefined), delayMs)
    return true
  }

  /** There is no upstream to be had for the model. */
  #giveUp(error: UpstreamError): void {
    const fallback = this.#nextFallback()
    if (fallback === undefined) {
      this.#finish(this.#lastError ?? error)
      return
    }
    this.#useFallback(fallback)
    this.#next()
  }

  #nextFallback(): string | undefined {
    this.#fallbacks ??= this.#model === '' ? [] : [...this.#fleet.fallbacksOf(this.#model)]
    const { dialect } = this.#request
    for (let model = this.#fallbacks.shift(); model !== undefined; model = this.#fallbacks.shift()) {
      if (this.#fleet.routeOf(model, dialect).length > 0) return model
    }
    return undefined
  }

  #useFallback(model: string): void {
    this.#model = model
    this.#tried = NONE
    this.#allowed = this.#attempts + 1
    this.#fleet.counts.fallbacks++
  }

  #finish(error: UpstreamError): void {
    this.#isDone = true
    const buffered = this.#buffered
    if (!buffered) this.#listener.onError(error)
    else if (buffered.isWhole) this.#replay(buffered)
    // Else the rest of the held answer is on its way, and its end or its loss ends the call.
    else this.#lastError ??= error
  }

  #replay(buffered: BufferedAnswer): void {
    this.#buffered = undefined
    buffered.release()
    this.#open(buffered.status, buffered.headers)
    for (const chunk of buffered.chunks) this.#write(chunk)
    this.#close()
  }

  /** The held answer is of no use. */
  #lose(buffered: BufferedAnswer): void {
    this.#buffered = undefined
    buffered.release()
    buffered.attempt.abort(new Error('not needed'))
    if (this.#isDone && this.#lastError) this.#listener.onError(this.#lastError)
  }

  #dropBuffered(): void {
    const buffered = this.#buffered
    this.#buffered = undefined
    buffered?.release()
    buffered?.attempt.abort(new Error('not needed'))
  }

  #open(status: number, headers: ResponseHeaders): void {
    const codings = decodingOf(headers)
    if (codings === undefined) {
      this.#head = { status, headers }
      return
    }
    this.#head = { status, headers: decodedHeaders(headers) }
    const source = { pause: () => this.#attempt?.pause(), resume: () => this.#attempt?.resume() }
    this.#decoder = new Decoder(codings, this, source, this.#boundary)
  }

  #write(chunk: Buffer): void {
    if (this.#decoder) this.#decoder.write(chunk)
    else this.#deliver(chunk)
  }

  #close(): void {
    if (this.#decoder) this.#decoder.end()
    else this.#end()
  }

  #deliver(chunk: Buffer): void {
    this.#begin()
    this.#listener.onData(chunk)
  }

  #end(): void {
    this.#begin()
    this.#isDone = true
    this.#listener.onEnd()
  }

  #begin(): void {
    const head = this.#head
    if (!head) return
    this.#head = undefined
    this.#isForwarding = true
    this.#listener.onStart(head.status, head.headers)
  }
}
