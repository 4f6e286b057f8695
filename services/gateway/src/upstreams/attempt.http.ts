import { type Dispatcher, errors } from 'undici'
import type { Boundary, ResponseHeaders } from '../http/index.ts'
import type { Asked, Ticket } from './circuits.ts'
import type { Fleet } from './fleet.http.ts'
import type { LiveUpstream } from './live-upstream.http.ts'
import { failureOf } from './retry.ts'
import { UpstreamError } from './upstream.ts'
import { BAD_STATUS, describe, SILENT, STALLED } from './upstream-errors.http.ts'

/** Whose attempt it is; an attempt that was aborted or finished calls nothing any more. */
export interface AttemptOwner {
  onAnswer(attempt: Attempt, status: number, headers: ResponseHeaders): void
  onChunk(attempt: Attempt, chunk: Buffer): void
  onWhole(attempt: Attempt): void
  onBroken(attempt: Attempt, error: UpstreamError, isOurs: boolean): void
}

export interface AttemptOptions extends Asked {
  readonly boundary: Boundary
  /** The call has failed at this upstream before: for its circuits it failed once. */
  readonly isRepeat: boolean
  /** The body asks for usage in the client's name. */
  readonly isAskingForUsage: boolean
}

type Controller = Dispatcher.DispatchController

/** After a whole answer the connection may be used again when the server ends the answer within this time. */
const LINGER_MS = 100
const COLON = 58
/** The highest status that an event can hold, and that means anything (RFC 9110 section 15). */
const MAX_STATUS = 599

/**
 * One try at one upstream: it holds a slot there from its making until it ends, and its circuits learn how it went.
 * Every callback enters through the request's boundary.
 */
export class Attempt implements Dispatcher.DispatchHandler {
  readonly upstream: LiveUpstream
  readonly isAskingForUsage: boolean
  readonly #owner: AttemptOwner
  readonly #fleet: Fleet
  readonly #boundary: Boundary
  readonly #ticket: Ticket
  readonly #isRepeat: boolean
  readonly #startedMs: number
  #controller: Controller | undefined
  #phase: UpstreamError['phase'] = 'connect'
  #isEventStream = false
  #reason: Error | undefined
  /** Its slot is free and its owner hears nothing more. */
  #isOver = false
  #isPaused = false
  /** Among those that are watched for silence; -1 when it is not. */
  #slot = -1
  /** When it has been silent for too long. */
  #deadlineMs = Number.POSITIVE_INFINITY

  constructor(owner: AttemptOwner, fleet: Fleet, upstream: LiveUpstream, options: AttemptOptions) {
    this.#owner = owner
    this.#fleet = fleet
    this.upstream = upstream
    this.#boundary = options.boundary
    this.#isRepeat = options.isRepeat
    this.isAskingForUsage = options.isAskingForUsage
    this.#startedMs = fleet.deps.nowMs()
    this.#ticket = upstream.began(options)
  }

  abort(reason: Error): void {
    this.#unwatch()
    if (this.#isOver) return
    this.upstream.abandoned(this.#ticket)
    this.#reason = reason
    this.#leave()
    this.#controller?.abort(reason)
  }

  /** The answer is whole for its reader. A server that does not end it holds no slot, and soon no connection. */
  finish(): void {
    if (this.#isOver) return
    this.#leave()
    if (this.#slot === -1) return
    this.#deadlineMs = this.#fleet.deps.nowMs() + LINGER_MS
    this.#isPaused = false
    this.#controller?.resume()
  }

  /** Nothing comes while its reader is busy, so that it is not silent. */
  pause(): void {
    if (this.#isOver) return
    this.#isPaused = true
    this.#controller?.pause()
  }

  resume(): void {
    if (this.#isOver) return
    if (this.#isPaused) this.#received()
    this.#isPaused = false
    this.#controller?.resume()
  }

  onRequestStart(controller: Controller): void {
    this.#controller = controller
    this.#boundary.enter('upstream_start', Attempt.#start, this, controller)
  }

  onResponseStart(_controller: Controller, status: number, headers: ResponseHeaders): void {
    if (status >= 200 && !this.#isOver)
      this.#boundary.enter('upstream_head', Attempt.#head, this, { status, headers })
  }

  onResponseData(_controller: Controller, chunk: Buffer): void {
    if (!this.#isOver) this.#boundary.enter('upstream_data', Attempt.#data, this, chunk)
  }

  onResponseEnd(): void {
    this.#unwatch()
    if (!this.#isOver) this.#boundary.enter('upstream_end', Attempt.#end, this, undefined)
  }

  onResponseError(_controller: Controller | null, cause: Error): void {
    this.#unwatch()
    if (!this.#isOver) this.#boundary.enter('upstream_error', Attempt.#error, this, cause)
  }

  /** Called every now and then while an answer is on its way. */
  endIfSilent(nowMs: number): void {
    if (nowMs >= this.#deadlineMs && !this.#isPaused)
      this.#boundary.enter('upstream_silent', Attempt.#silent, this, undefined)
  }

  static #start(self: Attempt, controller: Controller): void {
    // Aborted while it waited for a connection.
    if (self.#reason) controller.abort(self.#reason)
    else self.#phase = 'response'
  }

  static #head(self: Attempt, { status, headers }: { status: number; headers: ResponseHeaders }): void {
    const { firstByteTimeoutMs } = self.upstream.spec
    if (status > MAX_STATUS) {
      self.#break(BAD_STATUS(status))
      return
    }
    if (firstByteTimeoutMs > 0) self.#deadlineMs = self.#startedMs + firstByteTimeoutMs
    self.#slot = self.#fleet.watched.add(self)
    self.#isEventStream = String(headers['content-type'] ?? '')
      .toLowerCase()
      .startsWith('text/event-stream')
    const kind = failureOf(status)
    if (kind === undefined) self.upstream.succeeded(self.#ticket, self.#fleet.deps.nowMs() - self.#startedMs)
    else self.upstream.failed(self.#ticket, kind, self.#isRepeat, statusError(status))
    self.#owner.onAnswer(self, status, headers)
  }

  static #data(self: Attempt, chunk: Buffer): void {
    // Comments keep a connection open while a model thinks; the answer begins with its first event.
    const isComment = self.#phase === 'response' && self.#isEventStream && isCommentOnly(chunk)
    if (!isComment) {
      self.#phase = 'stream'
      self.#received()
    }
    self.#owner.onChunk(self, chunk)
  }

  static #end(self: Attempt): void {
    self.#leave()
    self.#owner.onWhole(self)
  }

  static #error(self: Attempt, cause: Error): void {
    // Undici would not even send it: the upstream has no part in it.
    if (cause instanceof errors.InvalidArgumentError || cause instanceof errors.NotSupportedError) {
      self.upstream.abandoned(self.#ticket)
      self.#leave()
      const message = 'The request cannot be sent on.'
      const error = new UpstreamError('unsendable_request', 'connect', 502, message, { cause })
      self.#owner.onBroken(self, error, true)
      return
    }
    const error = describe(cause, self.#phase)
    if (self.#phase === 'connect') self.upstream.unreachable(self.#ticket, self.#isRepeat, error)
    else self.upstream.failed(self.#ticket, 'away', self.#isRepeat, error)
    self.#leave()
    self.#owner.onBroken(self, error, false)
  }

  static #silent(self: Attempt): void {
    if (self.#isOver) {
      // A finished answer whose server does not end it.
      self.#unwatch()
      self.#controller?.abort(new Error('the answer is at its end'))
      return
    }
    self.#break(self.#phase === 'stream' ? STALLED() : SILENT())
  }

  #received(): void {
    const { idleTimeoutMs } = this.upstream.spec
    if (this.#phase !== 'stream') return
    this.#deadlineMs = idleTimeoutMs > 0 ? this.#fleet.deps.nowMs() + idleTimeoutMs : Number.POSITIVE_INFINITY
  }

  #break(error: UpstreamError): void {
    this.upstream.failed(this.#ticket, 'away', this.#isRepeat, error)
    this.#unwatch()
    this.#leave()
    this.#controller?.abort(error)
    this.#owner.onBroken(this, error, false)
  }

  #unwatch(): void {
    if (this.#slot === -1) return
    this.#fleet.watched.remove(this.#slot)
    this.#slot = -1
  }

  #leave(): void {
    this.#isOver = true
    this.#fleet.released(this.upstream)
  }
}

function statusError(status: number): { code: string; message: string } {
  return { code: `status_${status}`, message: `It answered ${status}.` }
}

/** Lines that begin with a colon, and blank ones (WHATWG event streams). */
function isCommentOnly(chunk: Buffer): boolean {
  if (chunk[0] !== COLON) return false
  return chunk
    .toString('latin1')
    .split(/[\r\n]+/)
    .every(line => line === '' || line.startsWith(':'))
}
