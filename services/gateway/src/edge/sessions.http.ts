import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import { enterConnection, guarded, type OnError, uncaught } from './connection-boundary.ts'
import type { EdgeLimits } from './edge-limits.ts'

interface OpenStream {
  readonly stream: ServerHttp2Stream
  readonly openedMs: number
  /** Bytes that waited at the last look, and since when none of them has left. */
  waiting: number
  stalledSinceMs: number
}

interface Session {
  readonly session: ServerHttp2Session
  readonly streams: Map<ServerHttp2Stream, OpenStream>
  idleSinceMs: number
  /** Streams that broke off lately, and PING and SETTINGS frames since the last look. */
  resets: number
  control: number
}

type SessionLimits = Pick<
  EdgeLimits,
  | 'connectionWindowBytes'
  | 'maxResets'
  | 'resetsPerSecond'
  | 'maxControlFrames'
  | 'requestTimeoutMs'
  | 'keepAliveTimeoutMs'
  | 'writeStallMs'
  | 'checkEveryMs'
>

/**
 * The HTTP/2 connections. What costs the gateway more than the client is counted: streams that are opened and broken off
 * (rapid reset, CVE-2023-44487, and MadeYouReset, CVE-2025-8671), PING and SETTINGS floods (RFC 9113 section 10.5). What
 * would stay for ever is timed: silent connections, bodies that do not come, answers that are not taken.
 */
export class Sessions implements Disposable {
  readonly #limits: SessionLimits
  readonly #nowMs: () => number
  readonly #onError: OnError
  readonly #sessions = new Map<ServerHttp2Session, Session>()
  readonly #timer: NodeJS.Timeout
  #draining = false
  /** Connections ended for a flood, and streams ended because their client took or sent nothing. */
  flooded = 0
  stalled = 0

  constructor(
    limits: SessionLimits,
    nowMs: () => number = () => performance.now(),
    onError: OnError = uncaught,
  ) {
    this.#limits = limits
    this.#nowMs = nowMs
    this.#onError = onError
    this.#timer = setInterval(() => this.#look(), limits.checkEveryMs)
    this.#timer.unref()
  }

  get size(): number {
    return this.#sessions.size
  }

  open(session: ServerHttp2Session): void {
    enterConnection(this.#onError, session, () => this.#open(session))
  }

  #open(session: ServerHttp2Session): void {
    const onError = this.#onError
    // Its socket's errors end the session, which tells nothing more.
    session.on('error', () => {})
    const entry: Session = { session, streams: new Map(), idleSinceMs: this.#nowMs(), resets: 0, control: 0 }
    this.#sessions.set(session, entry)
    session.once('close', () => this.#sessions.delete(session))
    session.setLocalWindowSize(this.#limits.connectionWindowBytes)
    const onControl = guarded(onError, session, () => {
      if (++entry.control > this.#limits.maxControlFrames) this.#flood(entry)
    })
    session.on('ping', onControl)
    session.on('remoteSettings', onControl)
    session.on(
      'stream',
      guarded(onError, session, stream => this.#openStream(entry, stream)),
    )
    if (this.#draining) session.close()
  }

  /** GOAWAY to all: what runs may finish, nothing new is taken (RFC 9113 section 6.8). */
  drain(): void {
    this.#draining = true
    for (const { session } of this.#sessions.values()) session.close()
  }

  /** True when no stream is open. */
  get idle(): boolean {
    for (const { streams } of this.#sessions.values()) if (streams.size > 0) return false
    return true
  }

  destroyAll(): void {
    for (const { session } of this.#sessions.values()) session.destroy()
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #openStream(entry: Session, stream: ServerHttp2Stream): void {
    const now = this.#nowMs()
    entry.streams.set(stream, { stream, openedMs: now, waiting: 0, stalledSinceMs: now })
    stream.once(
      'close',
      guarded(this.#onError, entry.session, () => this.#closeStream(entry, stream)),
    )
  }

  #closeStream(entry: Session, stream: ServerHttp2Stream): void {
    entry.streams.delete(stream)
    if (entry.streams.size === 0) entry.idleSinceMs = this.#nowMs()
    if (stream.rstCode === constants.NGHTTP2_NO_ERROR) return
    if (++entry.resets > this.#limits.maxResets) this.#flood(entry)
  }

  #flood({ session }: Session): void {
    if (session.destroyed) return
    this.flooded++
    session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM)
  }

  #look(): void {
    for (const entry of this.#sessions.values())
      enterConnection(this.#onError, entry.session, () => this.#lookAtSession(entry))
  }

  #lookAtSession(entry: Session): void {
    const now = this.#nowMs()
    const { checkEveryMs, resetsPerSecond, keepAliveTimeoutMs } = this.#limits
    entry.control = 0
    entry.resets = Math.max(0, entry.resets - (resetsPerSecond * checkEveryMs) / 1_000)
    if (entry.streams.size === 0) {
      const silentMs = now - entry.idleSinceMs
      if (silentMs >= keepAliveTimeoutMs * 2) entry.session.destroy()
      else if (silentMs >= keepAliveTimeoutMs) entry.session.close()
    }
    for (const open of entry.streams.values()) this.#lookAt(open, now)
  }

  #lookAt(open: OpenStream, now: number): void {
    const { stream } = open
    const { requestTimeoutMs, writeStallMs, checkEveryMs } = this.#limits
    // Whoever reads the body has its own, earlier deadline and an answer for it; this one is for those who do not.
    const late = now - open.openedMs >= requestTimeoutMs + 2 * checkEveryMs
    if (late && !stream.endAfterHeaders && !stream.readableEnded && !stream.headersSent) {
      this.#endStream(stream)
      return
    }
    const waiting = stream.writableLength
    const buffered = waiting > 0 || stream.writableEnded
    if (!buffered || waiting !== open.waiting) {
      open.waiting = waiting
      open.stalledSinceMs = now
    } else if (now - open.stalledSinceMs >= writeStallMs) this.#endStream(stream)
  }

  #endStream(stream: ServerHttp2Stream): void {
    this.stalled++
    stream.close(constants.NGHTTP2_CANCEL)
  }
}
