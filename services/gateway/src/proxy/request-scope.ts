import type { BodyShare, Request } from '../edge/index.ts'
import type { Boundary, RawReply, Step, StepProbe } from '../http/index.ts'

/** Whoever takes over a request once it is admitted. */
export interface ScopeOwner {
  /** The client is gone, before the answer's end or after it. */
  onClientGone(): void
  /** A part of the request threw: ends it, if it has not ended, and releases what it holds. */
  fail(error: unknown): void
}

export interface ScopeDeps {
  /** A fault of our own, which the client is told of as a status 500. */
  readonly onError: (error: unknown) => void
  /** For tests that throw at each step. */
  readonly probe?: StepProbe | undefined
  readonly release: (share: BodyShare) => void
  /** Answers with a status 500, or cuts the answer off. */
  readonly answerError: (scope: RequestScope) => void
}

/**
 * One request from its head to the close of its answer: its error boundary, and the one place that hears when the client
 * leaves. The listener is there before anything is waited for, and what the request holds is released by it.
 */
export class RequestScope implements Boundary {
  readonly request: Request
  readonly reply: RawReply
  /** What its body occupies. */
  readonly share: BodyShare = { bytes: 0, isKnown: false }
  readonly #deps: ScopeDeps
  #owner: ScopeOwner | undefined
  #isGone: boolean

  constructor(deps: ScopeDeps, request: Request, reply: RawReply) {
    this.#deps = deps
    this.request = request
    this.reply = reply
    this.#isGone = reply.destroyed
    reply.once('close', () => this.enter('client_gone', closed, this, undefined))
  }

  /** True when no answer can reach the client any more: nothing is begun for it. */
  get isGone(): boolean {
    return this.#isGone
  }

  handTo(owner: ScopeOwner): void {
    this.#owner = owner
  }

  enter<A, B>(step: Step, run: (a: A, b: B) => void, a: A, b: B): void {
    const { probe } = this.#deps
    try {
      probe?.(step, 'begin')
      run(a, b)
      probe?.(step, 'end')
    } catch (error) {
      this.#fail(error)
    }
  }

  /** For the close of the reply. */
  close(): void {
    this.#isGone = true
    this.#deps.release(this.share)
    this.#owner?.onClientGone()
  }

  #fail(error: unknown): void {
    this.#deps.onError(error)
    // A throw may have been before `close` did its part.
    if (this.reply.destroyed) this.#deps.release(this.share)
    if (this.#owner) this.#owner.fail(error)
    else this.#deps.answerError(this)
  }
}

function closed(scope: RequestScope): void {
  scope.close()
}
