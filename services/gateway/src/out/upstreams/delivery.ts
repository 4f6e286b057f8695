import type {
  ResponseHeaders,
  UpstreamControl,
  UpstreamError,
  UpstreamListener,
  UpstreamRequest,
} from '../../core/exchange/upstream.ts'
import { backoffMs, isRepeatable, isRetryableAnswer, retryAfterMsOf } from '../../core/routing/retry.ts'
import { withModel } from '../../core/routing/splice-model.ts'
import { Attempt, type AttemptOwner } from './attempt.ts'
import { Decoder, decodedHeaders, decodingOf } from './decoder.ts'
import { allFull, REDIRECTED } from './fault.ts'
import type { Fleet, Waiting } from './fleet.ts'
import { HeldAnswer } from './held-answer.ts'
import type { LiveUpstream } from './live-upstream.ts'

const REDIRECTS = new Set([301, 302, 303, 307, 308])
/** When to come again after all were busy. */
const BUSY_RETRY_MS = 1_000
const NONE: readonly LiveUpstream[] = Object.freeze([])

/**
 * One call on its way through as many attempts as it needs: at first one, then retries and fallback models while no
 * byte of an answer has gone to the listener. Whatever happens, the listener hears one end, unless the call is aborted.
 */
export class Delivery implements UpstreamControl, AttemptOwner, Waiting {
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
  #held: HeldAnswer | undefined
  #decoder: Decoder | undefined
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
    this.#held?.attempt.abort(reason)
    this.#attempt?.abort(reason)
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
    this.#route = this.#fleet.routeOf(this.#model, this.#request.dialect)
    const picked = this.#fleet.pick(this.#route, this.#tried, this.#model)
    if (picked.kind === 'full') return false
    clearTimeout(this.#timer)
    this.#fleet.leave(this)
    if (picked.kind === 'none') this.#giveUp(picked.error)
    else this.#send(picked.upstream)
    return picked.kind === 'picked'
  }

  onAnswer(attempt: Attempt, status: number, headers: ResponseHeaders): void {
    if (REDIRECTS.has(status)) {
      attempt.abort(new Error('a redirect'))
      this.#lastError = REDIRECTED()
      this.#finish(this.#lastError)
      return
    }
    const { method, path } = this.#request
    if (isRetryableAnswer(status, headers, isRepeatable(method, path))) {
      const retryAfterMs = retryAfterMsOf(headers, this.#fleet.deps.epochMs())
      if (retryAfterMs > 0) attempt.upstream.rest(retryAfterMs, this.#fleet.deps.nowMs())
      if (this.#planNext(attempt.upstream, retryAfterMs)) {
        this.#dropHeld()
        this.#held = new HeldAnswer(attempt, status, headers)
        return
      }
    }
    this.#dropHeld()
    this.#open(status, headers)
  }

  onChunk(attempt: Attempt, chunk: Buffer): void {
    if (attempt !== this.#held?.attempt) this.#write(chunk)
    else if (!this.#held.add(chunk)) this.#lose(this.#held)
  }

  onWhole(attempt: Attempt): void {
    const held = this.#held
    if (attempt !== held?.attempt) this.#close()
    else {
      held.isWhole = true
      if (this.#isDone) this.#replay(held)
    }
  }

  onBroken(attempt: Attempt, error: UpstreamError, isOurs: boolean): void {
    if (attempt === this.#held?.attempt) {
      this.#lose(this.#held)
      return
    }
    if (this.#isForwarding) {
      this.#isDone = true
      this.#decoder?.destroy()
      this.#listener.onError(error)
      return
    }
    this.#lastError = error
    const { method, path } = this.#request
    const mayRepeat =
      error.phase === 'connect' || (this.#fleet.policy.retry.afterSent && isRepeatable(method, path))
    // One that did not answer in time is busy with the call still: another may have it, but it not twice.
    const restMs = error.code === 'upstream_timeout' ? Number.POSITIVE_INFINITY : 0
    if (isOurs || !mayRepeat || !this.#planNext(attempt.upstream, restMs)) this.#finish(error)
  }

  #next(): void {
    this.#route = this.#fleet.routeOf(this.#model, this.#request.dialect)
    const picked = this.#fleet.pick(this.#route, this.#tried, this.#model)
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
    this.#timer = setTimeout(() => {
      this.#fleet.leave(this)
      this.#giveUp(allFull(BUSY_RETRY_MS))
    }, maxWaitMs)
  }

  #send(upstream: LiveUpstream): void {
    const { spec, names } = upstream
    const { method, path, headers, body, model: asked, dialect } = this.#request
    const own = names.ownName(this.#model) ?? this.#model
    this.#attempts++
    const attempt = new Attempt(this, this.#fleet, upstream)
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
    if (isSameModel && !this.#fleet.hasAnother(this.#route, this.#tried)) {
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
    this.#timer = setTimeout(() => this.#next(), delayMs)
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
    const held = this.#held
    if (!held) this.#listener.onError(error)
    else if (held.isWhole) this.#replay(held)
    // Else the rest of the held answer is on its way, and its end or its loss ends the call.
    else this.#lastError ??= error
  }

  #replay(held: HeldAnswer): void {
    this.#held = undefined
    this.#open(held.status, held.headers)
    for (const chunk of held.chunks) this.#write(chunk)
    this.#close()
  }

  /** The held answer is of no use. */
  #lose(held: HeldAnswer): void {
    this.#held = undefined
    held.attempt.abort(new Error('not needed'))
    if (this.#isDone && this.#lastError) this.#listener.onError(this.#lastError)
  }

  #dropHeld(): void {
    const held = this.#held
    this.#held = undefined
    held?.attempt.abort(new Error('not needed'))
  }

  #open(status: number, headers: ResponseHeaders): void {
    this.#isForwarding = true
    const coding = decodingOf(headers)
    if (coding === undefined) {
      this.#listener.onStart(status, headers)
      return
    }
    this.#decoder = new Decoder(coding, this.#listener, {
      pause: () => this.#attempt?.pause(),
      resume: () => this.#attempt?.resume(),
      abort: reason => this.#attempt?.abort(reason),
    })
    this.#listener.onStart(status, decodedHeaders(headers))
  }

  #write(chunk: Buffer): void {
    if (this.#decoder) this.#decoder.write(chunk)
    else this.#listener.onData(chunk)
  }

  #close(): void {
    this.#isDone = true
    if (this.#decoder) this.#decoder.end()
    else this.#listener.onEnd()
  }
}
