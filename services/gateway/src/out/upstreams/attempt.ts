import { type Dispatcher, errors } from 'undici'
import { type ResponseHeaders, UpstreamError } from '../../core/exchange/upstream.ts'
import { failureOf } from '../../core/routing/retry.ts'
import { describe } from './fault.ts'
import type { Fleet } from './fleet.ts'
import type { LiveUpstream } from './live-upstream.ts'

/** Whose attempt it is; an attempt that was aborted calls nothing any more. */
export interface AttemptOwner {
  onAnswer(attempt: Attempt, status: number, headers: ResponseHeaders): void
  onChunk(attempt: Attempt, chunk: Buffer): void
  onWhole(attempt: Attempt): void
  onBroken(attempt: Attempt, error: UpstreamError, isOurs: boolean): void
}

/** One try at one upstream: it holds a place there from its making until it ends, and tells the circuit how it went. */
export class Attempt implements Dispatcher.DispatchHandler {
  readonly upstream: LiveUpstream
  readonly #owner: AttemptOwner
  readonly #fleet: Fleet
  readonly #startedMs: number
  #controller: Dispatcher.DispatchController | undefined
  #phase: UpstreamError['phase'] = 'connect'
  #isProbe: boolean
  #reason: Error | undefined
  #isOver = false

  constructor(owner: AttemptOwner, fleet: Fleet, upstream: LiveUpstream) {
    this.#owner = owner
    this.#fleet = fleet
    this.upstream = upstream
    this.#startedMs = fleet.deps.nowMs()
    this.#isProbe = upstream.began()
  }

  abort(reason: Error): void {
    if (this.#isOver) return
    this.upstream.abandoned(this.#isProbe)
    this.#reason = reason
    this.#leave()
    this.#controller?.abort(reason)
  }

  pause(): void {
    if (!this.#isOver) this.#controller?.pause()
  }

  resume(): void {
    if (!this.#isOver) this.#controller?.resume()
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    // Aborted while it waited for a connection.
    if (this.#reason) controller.abort(this.#reason)
    else this.#phase = 'response'
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: ResponseHeaders,
  ): void {
    if (status < 200 || this.#isOver) return
    this.#phase = 'stream'
    const isProbe = this.#isProbe
    this.#isProbe = false
    const kind = failureOf(status)
    if (kind === undefined) this.upstream.succeeded(isProbe, this.#fleet.deps.nowMs() - this.#startedMs)
    else this.upstream.failed(kind, isProbe, { code: `status_${status}`, message: `It answered ${status}.` })
    this.#owner.onAnswer(this, status, headers)
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#isOver) this.#owner.onChunk(this, chunk)
  }

  onResponseEnd(): void {
    if (this.#isOver) return
    this.#leave()
    this.#owner.onWhole(this)
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, cause: Error): void {
    if (this.#isOver) return
    // Undici would not even send it: no upstream's fault.
    const isOurs = cause instanceof errors.InvalidArgumentError || cause instanceof errors.NotSupportedError
    const error = isOurs
      ? new UpstreamError('unsendable_request', 'connect', 502, 'The request cannot be sent on.', { cause })
      : describe(cause, this.#phase)
    if (isOurs) this.upstream.abandoned(this.#isProbe)
    else this.upstream.failed('away', this.#isProbe, error)
    this.#leave()
    this.#owner.onBroken(this, error, isOurs)
  }

  #leave(): void {
    this.#isOver = true
    this.#fleet.released(this.upstream)
  }
}
