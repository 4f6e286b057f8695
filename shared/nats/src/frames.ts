import { BATCH_HEADERS } from '@fluxgate/contracts'
import { type BatchPart, payloadBytes, writePayload } from './backlog.ts'
import type { PendingMessage } from './pending-message.ts'

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
  #messages: FramedMessage[] = []
  #bytes = 0

  /** @param inbox  acknowledgements go to `<inbox>.<token>` */
  constructor(inbox: string) {
    this.#inbox = inbox
  }

  get isEmpty(): boolean {
    return this.#heads.length === 0
  }

  /** A publish with `Nats-Msg-Id`, and what the events of a batch share. Subject, id and headers are ASCII. */
  add(message: FramedMessage, token: number): void {
    const { subject, id, part, events, records } = message
    const headers = `NATS/1.0\r\nNats-Msg-Id: ${id}\r\n${part ? headersOf(part, events) : ''}\r\n`
    let bytes = 0
    for (const record of records) bytes += payloadBytes(record)
    const total = headers.length + bytes
    const head = `HPUB ${subject} ${this.#inbox}.${token} ${headers.length} ${total}\r\n${headers}`
    this.#heads.push(head)
    this.#messages.push(message)
    this.#bytes += head.length + bytes + 2
  }

  /** All that was added since, in order. */
  take(): Buffer {
    // Not from the pool: the socket may keep it for a while.
    const frames = Buffer.allocUnsafeSlow(this.#bytes)
    let at = 0
    for (let i = 0; i < this.#heads.length; i++) {
      at += frames.write(this.#heads[i]!, at, 'latin1')
      for (const record of this.#messages[i]!.records) at = writePayload(frames, at, record)
      frames[at++] = CR
      frames[at++] = LF
    }
    this.#heads = []
    this.#messages = []
    this.#bytes = 0
    return frames
  }
}

type FramedMessage = Pick<PendingMessage, 'subject' | 'id' | 'part' | 'events' | 'records'>

function headersOf({ batch, first, source, schemas }: BatchPart, events: number): string {
  return (
    `${BATCH_HEADERS.id}: ${batch}\r\n${BATCH_HEADERS.source}: ${source}\r\n` +
    `${BATCH_HEADERS.schemas}: ${schemas}\r\n${BATCH_HEADERS.events}: ${events}\r\n` +
    (first === 0 ? '' : `${BATCH_HEADERS.first}: ${first}\r\n`)
  )
}
