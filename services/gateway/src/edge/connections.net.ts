import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { addressGroup } from '@fluxgate/contracts'
import { errorBytes, hasUnreadBody } from './answer.http.ts'
import { enterConnection, guarded, type OnError, uncaught } from './connection-boundary.ts'
import type { EdgeLimits } from './edge-limits.ts'
import type { EdgeError } from './request-head.ts'

/** What is known of one HTTP/1.1 connection. */
interface Line {
  readonly socket: Socket
  readonly openedAtMs: number
  /** The newest answer, sent or not. */
  last: ServerResponse | undefined
  /** Answers that were not at their end when the newest began, and the newest; several where requests are pipelined. */
  readonly open: ServerResponse[]
  /** Nothing more is taken from this connection: its last answer is on its way. */
  ended: boolean
  requests: number
  /** Bytes that the system had taken at the last look, and since when it has taken no more. */
  flushed: number
  stalledSinceMs: number
}

type ConnectionLimits = Pick<
  EdgeLimits,
  'maxConnectionsPerAddress' | 'maxRequestsPerConnection' | 'lingerMs' | 'writeStallMs' | 'checkEveryMs'
>

/** A connection that was just made has a request under way: a node that stops waits so long for it. */
const FIRST_REQUEST_MS = 500

/** The connections of HTTP/1.1 over TCP or TLS: who they come from, how they end, and which of them hold up. */
export class Connections implements Disposable {
  readonly #limits: ConnectionLimits
  readonly #isTrusted: (address: string) => boolean
  readonly #nowMs: () => number
  readonly #onError: OnError
  readonly #sockets = new Set<Socket>()
  readonly #perAddress = new Map<string, number>()
  readonly #lines = new Map<Socket, Line>()
  readonly #timer: NodeJS.Timeout
  #draining = false
  /** Refused for their number, and ended because their client took nothing. */
  refused = 0
  stalled = 0

  constructor(
    limits: ConnectionLimits,
    isTrusted: (address: string) => boolean = () => false,
    nowMs: () => number = () => performance.now(),
    onError: OnError = uncaught,
  ) {
    this.#limits = limits
    this.#onError = onError
    this.#isTrusted = isTrusted
    this.#nowMs = nowMs
    this.#timer = setInterval(() => this.#endStalled(), limits.checkEveryMs)
    this.#timer.unref()
  }

  get size(): number {
    return this.#sockets.size
  }

  /** A TCP connection, before any TLS. */
  accept(socket: Socket): void {
    enterConnection(this.#onError, socket, () => this.#accept(socket))
  }

  #accept(socket: Socket): void {
    const address = socket.remoteAddress
    const { maxConnectionsPerAddress: most } = this.#limits
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    if (most === 0 || address === undefined || this.#isTrusted(address)) return
    const group = addressGroup(address)
    const count = (this.#perAddress.get(group) ?? 0) + 1
    if (count > most) {
      this.refused++
      socket.destroy()
      return
    }
    this.#perAddress.set(group, count)
    socket.once('close', () => {
      const left = (this.#perAddress.get(group) ?? 1) - 1
      if (left === 0) this.#perAddress.delete(group)
      else this.#perAddress.set(group, left)
    })
  }

  /** A connection on which HTTP/1.1 is spoken; over TLS its socket is not the one that was accepted. */
  open(socket: Socket): void {
    const line: Line = {
      socket,
      openedAtMs: this.#nowMs(),
      last: undefined,
      open: [],
      ended: false,
      requests: 0,
      flushed: 0,
      stalledSinceMs: 0,
    }
    this.#lines.set(socket, line)
    socket.once('close', () => {
      this.#lines.delete(socket)
      // Node closes the answer that has the socket; those of pipelined requests behind it would never hear of it.
      setImmediate(() => {
        for (const response of line.open) {
          if (response.closed) continue
          enterConnection(this.#onError, socket, () => response.destroy().emit('close'))
        }
      })
    })
    // Node ends a connection after its last answer by this call. Ending it with bytes unread makes the system send a
    // reset, which takes the answer from the client (RFC 9112 section 9.6).
    const destroySoon = socket.destroySoon.bind(socket)
    socket.destroySoon = guarded(this.#onError, socket, () => {
      const request = line.last?.req
      if (request && hasUnreadBody(request)) this.#linger(line)
      else destroySoon()
    })
  }

  /** Whether a request may be served: none is that comes after its connection's last answer. */
  take(request: IncomingMessage, response: ServerResponse): boolean {
    const line = this.#lines.get(request.socket)
    if (line === undefined) return true
    if (line.ended) return false
    line.last = response
    noteOpen(line.open, response)
    if (++line.requests === this.#limits.maxRequestsPerConnection || this.#draining) {
      line.ended = true
      response.setHeader('connection', 'close')
    }
    return true
  }

  /** What comes after this answer on its connection is not looked at. */
  endAfter(socket: Socket): void {
    const line = this.#lines.get(socket)
    if (line) line.ended = true
  }

  /** True while a whole request waits for its answer, after which nothing more is taken. */
  isAnswering(socket: Socket): boolean {
    const line = this.#lines.get(socket)
    if (!line?.last?.req.complete || line.last.writableFinished) return false
    line.ended = true
    return true
  }

  /** Answers what Node could not read as a request, if its sender can take it for nothing else, and hangs up. */
  refuse(socket: Socket, fault: EdgeError): void {
    const line = this.#lines.get(socket)
    // No request came through here: a failed handshake, or a connection that is gone.
    if (line === undefined || !socket.writable) {
      socket.destroy()
      return
    }
    if (line.ended) return
    line.ended = true
    if (!mayAnswer(line)) {
      socket.destroy()
      return
    }
    socket.write(errorBytes(fault))
    this.#linger(line)
  }

  /** From now on every answer is its connection's last. */
  drain(): void {
    this.#draining = true
    for (const line of this.#lines.values()) {
      const { last } = line
      if (!last || last.writableEnded || last.headersSent) continue
      line.ended = true
      last.setHeader('connection', 'close')
    }
  }

  /** Ends connections whose answers are all sent; true when none is left that waits for one, or has just come. */
  endIdle(): boolean {
    const now = this.#nowMs()
    let idle = true
    for (const { socket, last, openedAtMs } of this.#lines.values()) {
      const isIdle = last ? last.writableFinished : now - openedAtMs > FIRST_REQUEST_MS
      if (isIdle) socket.destroySoon()
      else idle = false
    }
    return idle
  }

  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #linger(line: Line): void {
    const { socket } = line
    line.ended = true
    socket.end()
    const timer = setTimeout(() => socket.destroy(), this.#limits.lingerMs)
    socket.once('close', () => clearTimeout(timer))
  }

  /** A client that takes nothing of an answer holds its upstream too (slow read). */
  #endStalled(): void {
    for (const line of this.#lines.values())
      enterConnection(this.#onError, line.socket, () => this.#endIfStalled(line))
  }

  #endIfStalled(line: Line): void {
    const now = this.#nowMs()
    const { socket } = line
    const waiting = socket.writableLength
    const flushed = socket.bytesWritten - waiting
    if (waiting === 0 || flushed !== line.flushed) {
      line.flushed = flushed
      line.stalledSinceMs = now
    } else if (now - line.stalledSinceMs >= this.#limits.writeStallMs) {
      this.stalled++
      socket.destroy()
    }
  }
}

/** A list that is put in order here: a set, and a listener for each answer, would cost more than the rest of this file. */
function noteOpen(open: ServerResponse[], response: ServerResponse): void {
  let kept = 0
  for (const earlier of open) if (!earlier.closed) open[kept++] = earlier
  open[kept++] = response
  open.length = kept
}

/** Bytes may be sent where no other request's answer is due: between requests, or amid the body of the newest. */
function mayAnswer({ socket, last }: Line): boolean {
  if (last === undefined || last.writableFinished) return true
  return last.socket === socket && !last.req.complete && !last.headersSent
}
