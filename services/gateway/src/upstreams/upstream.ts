import type { Boundary, RefusalReason, ResponseHeaders } from '../http/index.ts'
import type { Vendor } from '../usage/index.ts'
import type { DialectName } from './upstream-spec.ts'

/** Stops, holds and continues one upstream call. */
export interface UpstreamControl {
  abort(reason: Error): void
  pause(): void
  resume(): void
  /** The answer is whole for its reader: nothing more of it is read, and it holds no slot. */
  finish(): void
}

/** What the two sides of an exchange tell each other: implemented by the client's side, called by the upstream's. */
export interface UpstreamListener {
  /** Comes first and once: the control is good for the whole call, whatever upstreams are tried. */
  onSending(control: UpstreamControl): void
  /**
   * An upstream is tried; `model` is the one asked of it, when that is a fallback, and `vendor` by whose rule it reports
   * usage, where that is known.
   */
  onAttempt(upstream: string, model: string | undefined, vendor?: Vendor): void
  onStart(status: number, headers: ResponseHeaders): void
  onData(chunk: Buffer): void
  onEnd(): void
  /** Nothing comes after it. An error before {@link onStart} means that there is no answer at all. */
  onError(error: UpstreamError): void
}

export interface UpstreamRequest {
  readonly method: string
  /** Path and query. */
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: Buffer | undefined
  /** The client's own bytes where `body` asks for usage in its name: for servers that refuse to be asked. */
  readonly bodyAsGiven: Buffer | undefined
  readonly model: string
  readonly dialect: DialectName
  /** Whose call it is: circuits count callers. */
  readonly caller: string
  /** Whether it may reach an upstream twice: it stores and changes nothing there. */
  readonly isRepeatable: boolean
  readonly boundary: Boundary
}

/** What an {@link UpstreamError} may say besides. */
export interface ErrorDetail {
  readonly cause?: unknown
  /** By default `unavailable`. */
  readonly reason?: RefusalReason
  readonly retryAfterMs?: number
}

/** An upstream that refused, broke or was too slow, or the want of one. */
export class UpstreamError extends Error {
  readonly code: string
  readonly phase: 'connect' | 'response' | 'stream'
  /** HTTP status for the client when nothing has been sent yet: 502, 503, 504, or 404 for a model that nobody serves. */
  readonly status: number
  readonly reason: RefusalReason
  readonly retryAfterMs: number | undefined

  constructor(
    code: string,
    phase: UpstreamError['phase'],
    status: number,
    message: string,
    detail: ErrorDetail = {},
  ) {
    super(message, { cause: detail.cause })
    this.name = 'UpstreamError'
    this.code = code
    this.phase = phase
    this.status = status
    this.reason = detail.reason ?? 'unavailable'
    this.retryAfterMs = detail.retryAfterMs
  }
}

/** The models that can be called in one dialect, as its list route shows them. */
export interface ListedModel {
  readonly id: string
  /** Epoch seconds; 0 when nobody has told. */
  readonly createdS: number
  readonly ownedBy: string
  /** The upstream's own entry, where it came in the dialect's shape. */
  readonly raw: Readonly<Record<string, unknown>> | undefined
}

export interface Upstreams extends AsyncDisposable {
  /** Picks an upstream for the model and sends; tries others while no byte of an answer has come. */
  send(request: UpstreamRequest, listener: UpstreamListener): void
  /** False when every upstream of the dialect lists its models, and none lists this one. */
  serves(model: string, dialect: DialectName): boolean
  /** Merged over the upstreams that answer in time. Fails with an {@link UpstreamError} when none does. */
  listModels(dialect: DialectName): Promise<readonly ListedModel[]>
}
