import type { SpoolEvent } from './spool/record.ts'

const CRLF = '\r\n'

/**
 * Publishes as the bytes of NATS' protocol (`HPUB`, docs.nats.io "Client Protocol"), many in one buffer. The client
 * library makes five small buffers for each publish and copies them together again; with events that takes longer than
 * all the rest of sending them.
 */
export class Frames {
  readonly #inbox: string
  #heads: string[] = []
  #payloads: Uint8Array[] = []
  #bytes = 0

  /** @param inbox  acknowledgements go to `<inbox>.<token>` */
  constructor(inbox: string) {
    this.#inbox = inbox
  }

  get isEmpty(): boolean {
    return this.#heads.length === 0
  }

  /** A publish with `Nats-Msg-Id`. Subject and id are ASCII. */
  add({ subject, id, payload }: SpoolEvent, token: number): void {
    const headers = `NATS/1.0\r\nNats-Msg-Id: ${id}\r\n\r\n`
    const total = headers.length + payload.length
    const head = `HPUB ${subject} ${this.#inbox}.${token} ${headers.length} ${total}\r\n${headers}`
    this.#heads.push(head)
    this.#payloads.push(payload)
    this.#bytes += head.length + payload.length + CRLF.length
  }

  /** All that was added since, in order. */
  take(): Buffer {
    // Not from the pool, and not used again: the socket may keep it for a while.
    const frames = Buffer.allocUnsafeSlow(this.#bytes)
    let at = 0
    for (let i = 0; i < this.#heads.length; i++) {
      at += frames.write(this.#heads[i]!, at, 'latin1')
      const payload = this.#payloads[i]!
      frames.set(payload, at)
      at += payload.length
      frames[at++] = 13
      frames[at++] = 10
    }
    this.#heads = []
    this.#payloads = []
    this.#bytes = 0
    return frames
  }
}
