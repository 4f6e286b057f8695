/** Stops, holds and continues one upstream call. */
export interface UpstreamControl {
  abort(reason: Error): void
  pause(): void
  resume(): void
}

export type ResponseHeaders = Readonly<Record<string, string | string[] | undefined>>

/** What the two sides of an exchange tell each other: implemented by the client's side, called by the upstream's. */
export interface UpstreamListener {
  /** A connection has the request; before this nothing was sent. */
  onSent(control: UpstreamControl, upstream: string): void
  onStart(status: number, headers: ResponseHeaders): void
  onData(chunk: Buffer): void
  onEnd(): void
  /** `started` tells whether {@link onStart} came before. */
  onError(error: UpstreamError): void
}

export interface UpstreamRequest {
  readonly method: string
  /** Path and query. */
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: Buffer | undefined
  readonly model: string
}

/** An upstream that refused, broke or was too slow. */
export class UpstreamError extends Error {
  readonly code: string
  readonly phase: 'connect' | 'response' | 'stream'
  /** HTTP status for the client when nothing has been sent yet: 502, 503 or 504. */
  readonly status: number

  constructor(code: string, phase: UpstreamError['phase'], status: number, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'UpstreamError'
    this.code = code
    this.phase = phase
    this.status = status
  }
}

export interface Upstreams extends AsyncDisposable {
  /** Picks an upstream for the model and sends; tries another while no byte of an answer has come. */
  send(request: UpstreamRequest, listener: UpstreamListener): void
}
