import {
  type DataOf,
  type EventDefinition,
  type EventMaker,
  type OutgoingEvent,
  RequestAdmitted,
  RequestCompleted,
  RequestFailed,
  RequestInterrupted,
  TokensProgressed,
  TokensSettled,
} from '@fluxgate/contracts'
import {
  type AdmittedCall,
  admitted,
  type CallEnd,
  type Ending,
  ended,
  progressed,
  type Settlement,
  settled,
  shortText,
} from '../call/index.ts'
import type { UpstreamError } from '../upstreams/index.ts'

/** How a call ended: what `completed`, `failed` and `interrupted` do not have in common. */
export type Finish =
  | { readonly outcome: 'completed' }
  | { readonly outcome: 'failed'; readonly error: UpstreamError }
  | { readonly outcome: 'interrupted'; readonly by: 'client' | 'node' | 'throttle' | 'drain' }

export interface RecordDeps {
  readonly append: (event: OutgoingEvent) => void
  readonly make: EventMaker
  /** Puts what was used in place of what bucket and budgets hold for the call. */
  readonly correct: (call: AdmittedCall, used: Settlement) => void
}

/** All that is recorded of a call's end. */
export interface Closing {
  readonly finish: Finish
  readonly ending: Ending
  settlement: Settlement
  /** Our own part before the upstream was called, in milliseconds. */
  readonly overheadMs: number
}

/**
 * The events of one admitted call, and what is held for it: `admitted` once, then one ending and one settlement, bucket
 * and budgets corrected once. Each is done at most once, so that an end which threw half-way can be brought to its end.
 */
export class CallRecord {
  readonly #deps: RecordDeps
  readonly #call: AdmittedCall
  readonly #onEnd: (end: CallEnd) => void
  #admitted: OutgoingEvent | undefined
  #progress: OutgoingEvent | undefined
  #progressed = 0
  #hasEnding = false
  #hasSettlement = false
  #isCorrected = false
  #isReported = false

  constructor(deps: RecordDeps, call: AdmittedCall, onEnd: (end: CallEnd) => void) {
    this.#deps = deps
    this.#call = call
    this.#onEnd = onEnd
  }

  open(): void {
    this.#admitted = this.#append(RequestAdmitted, admitted(this.#call))
  }

  /** What must be known of it when everything before is forgotten. */
  *context(): Generator<OutgoingEvent> {
    if (this.#admitted) yield this.#admitted
    if (this.#progress) yield this.#progress
  }

  /** Tokens so far; told when they have grown. */
  progress(prompt: number, completion: number, nowMs: number): void {
    const delta = prompt + completion - this.#progressed
    if (delta <= 0) return
    this.#progress = this.#append(TokensProgressed, progressed(this.#call, prompt, completion, delta, nowMs))
    this.#progressed += delta
  }

  close(closing: Closing): void {
    const { finish, ending, settlement } = closing
    // A call that was not recorded as admitted has no end to be recorded either.
    if (this.#admitted) {
      if (!this.#hasEnding) this.#appendEnding(finish, ending)
      if (!this.#hasSettlement) this.#appendSettlement(ending, settlement)
    }
    this.#correct(settlement)
    this.#report(closing)
  }

  /** After a throw: does what {@link close} has not done, with figures that cannot be at fault; each part by itself. */
  closeAfterError(closing: Closing, nothing: Settlement, onError: (error: unknown) => void): void {
    const guarded = (run: () => void): void => {
      try {
        run()
      } catch (error) {
        onError(error)
      }
    }
    const { finish, ending, settlement } = closing
    const plain: Ending = {
      upstream: '',
      status: 500,
      durationMs: ending.durationMs,
      firstByteMs: undefined,
      bytes: 0,
      attempts: 1,
      answered: undefined,
    }
    const isOpen = this.#admitted !== undefined
    if (isOpen && !this.#hasEnding) guarded(() => this.#appendEnding(finish, ending))
    if (isOpen && !this.#hasEnding) guarded(() => this.#appendEnding(finish, plain))
    if (isOpen && !this.#hasSettlement) guarded(() => this.#appendSettlement(ending, settlement))
    if (isOpen && !this.#hasSettlement) guarded(() => this.#appendSettlement(plain, nothing))
    guarded(() => this.#correct(settlement))
    guarded(() => this.#report(closing))
  }

  #appendEnding(finish: Finish, ending: Ending): void {
    const fact = ended(this.#call, ending)
    if (finish.outcome === 'completed') this.#append(RequestCompleted, fact)
    else if (finish.outcome === 'interrupted') this.#append(RequestInterrupted, { ...fact, by: finish.by })
    else {
      const { code, phase, message } = finish.error
      const failure = { code: shortText(code), phase, message: shortText(message) }
      this.#append(RequestFailed, { ...fact, ...failure })
    }
    this.#hasEnding = true
  }

  #appendSettlement(ending: Ending, settlement: Settlement): void {
    this.#append(TokensSettled, settled(this.#call, ending, settlement, this.#progressed))
    this.#hasSettlement = true
  }

  #correct(settlement: Settlement): void {
    if (this.#isCorrected) return
    this.#isCorrected = true
    this.#deps.correct(this.#call, settlement)
  }

  #report({ finish, ending, settlement, overheadMs }: Closing): void {
    if (this.#isReported) return
    this.#isReported = true
    const { outcome } = finish
    const errorType =
      finish.outcome === 'failed'
        ? finish.error.code
        : finish.outcome === 'interrupted'
          ? `interrupted_by_${finish.by}`
          : undefined
    this.#onEnd({ outcome, ending, settlement, overheadMs, errorType })
  }

  #append<D extends EventDefinition>(definition: D, data: DataOf<D>): OutgoingEvent {
    const event = this.#deps.make(definition, data, { traceparent: this.#call.traceparent })
    this.#deps.append(event)
    return event
  }
}
