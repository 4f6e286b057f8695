import { type EncodedEvent, payloadBytes, writePayload } from './backlog.ts'

const CR = 13
const LF = 10

/**
 * Publishes as the bytes of NATS' protocol (`HPUB`, docs.nats.io "Client Protocol"), many in one buffer. The client
 * library makes five small buffers for each publish and copies them together again; with events that takes longer than
 * all the rest of sending them.
 */
export class Frames {
  readonly #inbox: string
  #heads: string[] = []
  #events: EncodedEvent[] = []
  #bytes = 0

  /** @param inbox  acknowledgements go to `<inbox>.<token>` */
  constructor(inbox: string) {
    this.#inbox = inbox
  }

  get isEmpty(): boolean {
    return this.#heads.length === 0
  }

  /** A publish with `Nats-Msg-Id`. Subject and id are ASCII. */
  add(event: EncodedEvent, token: number): void {
    const headers = `NATS/1.0\r\nNats-Msg-Id: ${event.id}\r\n\r\n`
    const bytes = payloadBytes(event)
    const total = headers.length + bytes
    const head = `HPUB ${event.subject} ${this.#inbox}.${token} ${headers.length} ${total}\r\n${headers}`
    this.#heads.push(head)
    this.#events.push(event)
    this.#bytes += head.length + bytes + 2
  }

  /** All that was added since, in order. */
  take(): Buffer {
    // Not from the pool: the socket may keep it for a while, and the publisher for longer.
    const frames = Buffer.allocUnsafeSlow(this.#bytes)
    let at = 0
    for (let i = 0; i < this.#heads.length; i++) {
      at = writePayload(frames, at + frames.write(this.#heads[i]!, at, 'latin1'), this.#events[i]!)
      frames[at++] = CR
      frames[at++] = LF
    }
    this.#heads = []
    this.#events = []
    this.#bytes = 0
    return frames
  }
}

const HEAD = /^HPUB (\S+) \S+ (\d+) (\d+)$/
const ID = /Nats-Msg-Id: (\S+)/

/** Reads back what {@link Frames.take} has made. */
export function* readFrames(frames: Buffer): Generator<EncodedEvent & { readonly payload: Uint8Array }> {
  for (let at = 0; at < frames.length; ) {
    const lineEnd = frames.indexOf('\r\n', at)
    const [, subject, headerBytes, totalBytes] = HEAD.exec(frames.toString('latin1', at, lineEnd))!
    const headers = lineEnd + 2
    const payload = headers + Number(headerBytes)
    const end = headers + Number(totalBytes)
    const [, id] = ID.exec(frames.toString('latin1', headers, payload))!
    yield { subject: subject!, id: id!, payload: frames.subarray(payload, end) }
    at = end + 2
  }
}
