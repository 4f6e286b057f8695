import type { EventMaker, OutgoingEvent } from '@fluxgate/contracts'
import {
  type AdmittedCall,
  type Answered,
  type CallEnd,
  type Ending,
  isEncoded,
  modelIn,
  responseHeaders,
  type Settlement,
  settle,
  unreported,
} from '../call/index.ts'
import {
  AnswerTap,
  type BufferBudget,
  type Counted,
  type CountTokens,
  EVENT_STREAM,
  mediaTypeOf,
  ResponseBuffer,
  type UsageTap,
} from '../dialects/index.ts'
import type { RawReply, Refusal, ResponseHeaders } from '../http/index.ts'
import { type UpstreamControl, UpstreamError, type UpstreamListener } from '../upstreams/index.ts'
import type { Vendor } from '../usage/index.ts'
import { CallRecord, type Closing, type Finish } from './call-record.ts'
import { answerRefusal } from './refuse.ts'
import type { RequestScope, ScopeOwner } from './request-scope.ts'

export interface ExchangeDeps {
  readonly append: (event: OutgoingEvent) => void
  /** Calls back when all that was appended is safe; see `EventPublisher.committed`. */
  readonly committed: (callback: () => void) => void
  readonly make: EventMaker
  readonly nowMs: () => number
  /** For what an upstream did not report. */
  readonly count: CountTokens
  readonly bufferBudget: BufferBudget
  /** Puts what was used in place of what bucket and budgets hold for the call. */
  readonly correct: (call: AdmittedCall, used: Settlement) => void
  readonly onEnd: (exchange: Exchange, end: CallEnd) => void
  /** A fault of our own, which the client is told of as a status 500. */
  readonly onError: (error: unknown) => void
}

const PROGRESS_EVERY_MS = 1_000
/** After an interruption; another call is told by the limits themselves how long to wait. */
const AGAIN_MS = 1_000
export const INTERNAL_ERROR: Refusal = Object.freeze({
  reason: 'unavailable',
  code: 'internal_error',
  message: 'Internal error. Please try again; the gateway log has the reason.',
  status: 500,
})
/** How long an answer that has told its end waits for what may come behind it. */
const LAST_WAIT_MS = 250
/** Stands for the type of an answer in a content coding that could not be undone. */
const UNREADABLE = 'application/octet-stream'
const NO_CONTENT_STATUSES = new Set([204, 304])

/**
 * One admitted call from the upstream's first byte to the settlement. Whatever ends it (a whole answer, a broken
 * upstream, a client that leaves, a stopping node), exactly one ending and one settlement are appended and safe before
 * the client sees the end of its answer: the last bytes are held back until then.
 */
export class Exchange implements UpstreamListener, ScopeOwner {
  readonly call: AdmittedCall
  readonly #record: CallRecord
  /** Among those that run. */
  slot = -1
  readonly #deps: ExchangeDeps
  readonly #scope: RequestScope
  readonly #reply: RawReply
  readonly #stripUsage: boolean
  #limitHeaders: Readonly<Record<string, string>> = {}
  #control: UpstreamControl | undefined
  #upstream = ''
  #attempts = 0
  /** Set when another model than the one asked for answers. */
  #fallback: string | undefined
  #tap: AnswerTap | undefined
  /** What came from the sign of the answer's end on: the client gets it when the end is safe. */
  #last: Buffer[] | undefined
  #lastWait: NodeJS.Timeout | undefined
  /** Absent where nothing could be counted: the answer costs nothing or cannot be read. */
  #received: ResponseBuffer | undefined
  readonly #body: Buffer | undefined
  #status = 0
  #sentMs: number
  #firstByteMs: number | undefined
  #vendor: Vendor | undefined
  /** The model that the first bytes name, for answers of which nothing else is read. */
  #firstNamed: string | undefined
  #bytes = 0
  /** Bytes of the whole answer, where the upstream has said so. */
  #length = Number.NaN
  /** The client was told the length: nothing can be put behind the answer. */
  #isLengthSent = false
  #progressedAtMs = 0
  #ended = false
  /** Nothing is left to be recorded of it. */
  #isClosed = false
  /** What it ended with, until it is recorded. */
  #finishing: Finish | undefined

  constructor(
    deps: ExchangeDeps,
    scope: RequestScope,
    call: AdmittedCall,
    body: Buffer | undefined,
    stripUsage: boolean,
  ) {
    this.#deps = deps
    this.call = call
    this.#record = new CallRecord(deps, call, end => deps.onEnd(this, end))
    this.#scope = scope
    this.#reply = scope.reply
    this.#body = body
    this.#stripUsage = stripUsage
    this.#sentMs = deps.nowMs()
  }

  get upstream(): string {
    return this.#upstream
  }

  /** Records the admission; from here on the call has one ending and one settlement. */
  admit(limitHeaders: Readonly<Record<string, string>>): void {
    this.#limitHeaders = limitHeaders
    this.#record.open()
  }

  /** What must be known of it when everything before is forgotten. */
  context(): Iterable<OutgoingEvent> {
    return this.#record.context()
  }

  onSending(control: UpstreamControl): void {
    this.#control = control
  }

  onAttempt(upstream: string, model: string | undefined, vendor?: Vendor): void {
    this.#upstream = upstream
    this.#vendor = vendor
    this.#attempts++
    this.#fallback = model
  }

  onStart(status: number, incoming: ResponseHeaders): void {
    if (this.#ended) return
    const mediaType = mediaTypeOf(incoming['content-type'])
    this.#status = status
    this.#length = Number(incoming['content-length'] ?? Number.NaN)
    const encoded = isEncoded(incoming)
    this.#tap = this.#openTap(encoded ? UNREADABLE : mediaType)
    if (!encoded && status < 400 && this.call.reserved > 0)
      this.#received = new ResponseBuffer(this.#deps.bufferBudget)
    const headers = responseHeaders(incoming, !this.#stripUsage || NO_CONTENT_STATUSES.has(status))
    this.#isLengthSent = 'content-length' in headers
    headers['x-request-id'] = this.call.id
    headers['x-fluxgate-overhead-ms'] = (this.#sentMs - this.call.startedMs).toFixed(2)
    for (const name in this.#limitHeaders) headers[name] = this.#limitHeaders[name]!
    if (mediaType === EVENT_STREAM) {
      headers['cache-control'] = 'no-cache, no-transform'
      headers['x-accel-buffering'] = 'no'
    }
    if (this.#fallback !== undefined) headers['x-fluxgate-model'] = encodeURI(this.#fallback)
    this.#progressedAtMs = this.#deps.nowMs()
    this.#reply.writeHead(status, headers)
  }

  onData(chunk: Buffer): void {
    if (this.#ended || !this.#tap) return
    if (this.#firstByteMs === undefined) {
      this.#firstByteMs = this.#deps.nowMs() - this.call.startedMs
      this.#firstNamed = modelIn(chunk)
    }
    this.#bytes += chunk.length
    this.#received?.keep(chunk)
    const forward = this.#tap.write(chunk)
    if (this.#last || this.#bytes >= this.#length || this.#tap.progress === 'ended' || this.#tap.error) {
      this.#approachEnd(this.#tap, forward)
      return
    }
    if (forward.length > 0 && !this.#reply.write(forward)) this.#waitForDrain()
    if (this.call.stream) this.#reportProgress(this.#tap)
  }

  onEnd(): void {
    if (this.#ended || !this.#tap) return
    this.#complete(this.#tap)
  }

  onError(error: UpstreamError): void {
    if (this.#ended) return
    if (this.#tap && this.#last) {
      this.#complete(this.#tap)
      return
    }
    this.#tap?.end()
    if (!this.#reply.headersSent) this.#status = error.status
    this.#finish({ outcome: 'failed', error }, () => this.#breakOff(refusalOf(error)))
  }

  /** The node stops and will not wait any longer, or a throttle has come that ends what runs. */
  interrupt(by: 'node' | 'throttle' | 'drain', message: string): void {
    this.#scope.enter('interrupted', interrupted, this, { by, message })
  }

  interruptNow({ by, message }: Interruption): void {
    if (this.#ended) return
    this.#tap?.end()
    const code = by === 'throttle' ? 'throttled' : 'interrupted'
    const reason = by === 'throttle' ? 'throttled' : 'unavailable'
    const refusal: Refusal = { reason, code, message, retryAfterMs: AGAIN_MS }
    this.#finish({ outcome: 'interrupted', by }, () => this.#breakOff(refusal))
    this.#control?.abort(new Error(message))
  }

  onClientGone(): void {
    if (this.#ended) return
    this.#tap?.end()
    this.#finish({ outcome: 'interrupted', by: 'client' })
    this.#control?.abort(new Error('the client left'))
  }

  /** See {@link ScopeOwner}: whatever was under way, the upstream is left, the record closed, the client answered. */
  fail(cause: unknown): void {
    const wasEnded = this.#ended
    this.#ended = true
    clearTimeout(this.#lastWait)
    this.#guarded(() => this.#control?.abort(new Error('a fault of the gateway', { cause })))
    this.#guarded(() => this.#tap?.end())
    this.#guarded(() => this.#received?.release())
    if (!this.#isClosed) {
      const phase = this.#tap ? 'stream' : 'response'
      const error = new UpstreamError(INTERNAL_ERROR.code, phase, 500, INTERNAL_ERROR.message, { cause })
      if (!this.#reply.headersSent && !wasEnded) this.#status = 500
      const finish: Finish = this.#finishing ?? { outcome: 'failed', error }
      const nothing = settle(undefined, this.call, undefined)
      const closing = this.#closingOf(finish, this.#ending(), nothing)
      this.#guarded(() => {
        closing.settlement = settle(this.#answer(), this.call, undefined)
      })
      this.#isClosed = true
      this.#record.closeAfterError(closing, nothing, this.#deps.onError)
    }
    this.#guarded(() => this.#deps.committed(() => this.#guarded(() => this.#cut())))
  }

  /** An answer that is not at its end yet is ended as a fault of ours. */
  #cut(): void {
    if (this.#reply.writableEnded) return
    this.#guarded(() => this.#breakOff(INTERNAL_ERROR))
    if (!this.#reply.writableEnded) this.#reply.destroy()
  }

  #guarded(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#deps.onError(error)
    }
  }

  #openTap(mediaType: string): AnswerTap {
    const { dialect, path, stream } = this.call
    return new AnswerTap({
      dialect,
      path,
      status: this.#status,
      mediaType,
      isStreamAsked: stream,
      stripUsage: this.#stripUsage,
      collector: dialect.usage(this.#vendor),
      room: this.#deps.bufferBudget.room,
    })
  }

  /**
   * The sign of the end has come, or an error in the answer. What is missing (usage that comes behind `[DONE]`, the end
   * that some servers send behind an error) is waited for a little, and the upstream may leave the connection open.
   */
  #approachEnd(tap: AnswerTap, forward: Buffer): void {
    this.#last ??= []
    this.#last.push(forward)
    const isWhole = this.#bytes >= this.#length
    const isKnown = tap.error !== undefined || unreported(this.#answer(), this.call) === undefined
    if (isWhole || (tap.progress === 'ended' && isKnown)) this.#complete(tap)
    else
      this.#lastWait ??= setTimeout(
        () => this.#scope.enter('last_wait', Exchange.#waited, this, tap),
        LAST_WAIT_MS,
      )
  }

  static #waited(self: Exchange, tap: AnswerTap): void {
    self.#complete(tap)
  }

  #complete(tap: AnswerTap): void {
    if (this.#ended) return
    // A server that keeps the connection open after its last event holds no slot by it.
    this.#control?.finish()
    const rest = tap.end()
    const end = this.#last ? Buffer.concat([...this.#last, rest]) : rest
    if (tap.isCutOff) {
      if (end.length > 0 && !this.#isLengthSent) this.#reply.write(end)
      this.#finish({ outcome: 'failed', error: CUT_OFF() }, () => this.#breakOff(refusalOf(CUT_OFF())))
      return
    }
    // Node writes a text together with the head, bytes apart from it: in Latin-1 each byte is a character.
    const tellClient = () => this.#reply.end(end.toString('latin1'), 'latin1')
    if (tap.error) this.#finish({ outcome: 'failed', error: errorAnswer(tap) }, tellClient)
    else this.#finish({ outcome: 'completed' }, tellClient)
  }

  /** Before the first byte an error is a status; after it, the dialect's error frame. */
  #breakOff(refusal: Refusal): void {
    if (!this.#reply.headersSent) {
      answerRefusal(this.#reply, this.call, refusal)
      return
    }
    const { code, message } = refusal
    const form = this.#tap?.frameForm
    const frame = this.call.dialect.errorFrame(form, code, message, this.call.id)
    // A body without frames, or of a length that is told, can only be cut off, so that it is not taken for whole.
    if (frame === '' || this.#isLengthSent) this.#reply.destroy()
    else if (this.#tap?.isBetweenParts) this.#reply.end(frame)
    else this.#reply.end(`${form === 'events' ? '\n\n' : '\n'}${frame}`)
  }

  #waitForDrain(): void {
    const control = this.#control
    if (!control) return
    control.pause()
    this.#reply.once('drain', () => this.#scope.enter('client_drained', resume, control, undefined))
  }

  #reportProgress(tap: UsageTap): void {
    const now = this.#deps.nowMs()
    if (now - this.#progressedAtMs < PROGRESS_EVERY_MS) return
    this.#progressedAtMs = now
    const prompt = tap.usage?.counts.input ?? this.call.promptEstimate
    const completion = Math.max(tap.usage?.counts.output ?? 0, tap.pieces)
    this.#record.progress(prompt, completion, now)
  }

  /**
   * Nothing more is taken from either side. What the upstream did not report is counted first; then the facts are
   * appended, and when they are safe `tellClient` may let it see the end.
   */
  #finish(finish: Finish, tellClient?: () => void): void {
    this.#ended = true
    this.#finishing = finish
    clearTimeout(this.#lastWait)
    const ending = this.#ending()
    const missing = unreported(this.#answer(), this.call)
    const bytes = missing && this.#received?.whole()
    this.#received?.release()
    const body = missing?.input ? this.#body : undefined
    if (!bytes || (body && body.length > this.#deps.bufferBudget.maxCountedBytes)) {
      this.#settle(finish, ending, undefined, tellClient)
      return
    }
    const answer = missing.output && this.#tap?.form ? { form: this.#tap.form, bytes } : undefined
    this.#deps.count({ dialect: this.call.dialect.name, body, answer }, counted =>
      this.#scope.enter('counted', run, () => this.#settle(finish, ending, counted, tellClient), undefined),
    )
  }

  #settle(
    finish: Finish,
    ending: Ending,
    counted: Counted | undefined,
    tellClient: (() => void) | undefined,
  ): void {
    if (this.#isClosed) return
    const settlement: Settlement = settle(this.#answer(), this.call, counted)
    this.#record.close(this.#closingOf(finish, ending, settlement))
    this.#isClosed = true
    if (tellClient) this.#deps.committed(() => this.#scope.enter('committed', run, tellClient, undefined))
  }

  #ending(): Ending {
    return {
      upstream: this.#upstream,
      status: this.#status,
      durationMs: this.#deps.nowMs() - this.call.startedMs,
      firstByteMs: this.#firstByteMs,
      bytes: this.#bytes,
      attempts: this.#attempts,
      answered: this.#answeredModel(),
    }
  }

  #closingOf(finish: Finish, ending: Ending, settlement: Settlement): Closing {
    return { finish, ending, settlement, overheadMs: this.#sentMs - this.call.startedMs }
  }

  #answer(): Answered | undefined {
    const tap = this.#tap
    if (!tap) return undefined
    const model = this.#answeredModel()
    return {
      status: this.#status,
      model,
      reported: tap.usage,
      pieces: tap.pieces,
      isError: tap.error !== undefined,
    }
  }

  #answeredModel(): string | undefined {
    return this.#tap?.model ?? this.#firstNamed ?? this.#fallback
  }
}

interface Interruption {
  readonly by: 'node' | 'throttle' | 'drain'
  readonly message: string
}

function interrupted(exchange: Exchange, interruption: Interruption): void {
  exchange.interruptNow(interruption)
}

function resume(control: UpstreamControl): void {
  control.resume()
}

function run(part: () => void): void {
  part()
}

const CUT_OFF = () =>
  new UpstreamError(
    'upstream_broken',
    'stream',
    502,
    'The model server ended its answer without the event that ends it.',
  )

function errorAnswer({ error, form }: AnswerTap): UpstreamError {
  const phase = form === 'document' ? 'response' : 'stream'
  return new UpstreamError(
    'upstream_error',
    phase,
    502,
    `The model server answered with an error: ${error?.code}.`,
  )
}

function refusalOf({ reason, code, message, status, retryAfterMs }: UpstreamError): Refusal {
  const refusal: Refusal = { reason, code, message, status }
  return retryAfterMs === undefined ? refusal : { ...refusal, retryAfterMs }
}
