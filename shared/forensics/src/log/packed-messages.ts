import { type BatchHead, batchedStreamOf, batchHead } from '@fluxgate/contracts'
import type { StoredMessage } from '@fluxgate/nats'

/** Messages on their way to another thread: their bytes in one buffer, which is moved and not copied. */
export interface PackedMessages {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** For each message: index of its stream, sequence, time stored in epoch milliseconds, end of its bytes. */
  readonly places: Float64Array<ArrayBuffer>
  /** What the events of each batch share, by the number of its message. */
  readonly heads: ReadonlyMap<number, BatchHead>
}

export interface UnpackedMessage {
  readonly stream: string
  readonly sequence: number
  readonly storedAtMs: number
  readonly data: Uint8Array
  /** Undefined for a message that is one event. */
  readonly head: BatchHead | undefined
}

const PLACE = 4

export function pack(messages: readonly StoredMessage[], streams: readonly string[]): PackedMessages {
  let length = 0
  for (const { data } of messages) length += data.length
  const bytes = new Uint8Array(length)
  const places = new Float64Array(messages.length * PLACE)
  const heads = new Map<number, BatchHead>()
  let end = 0
  let at = 0
  for (const { stream, sequence, storedAtMs, subject, headers, data } of messages) {
    if (batchedStreamOf(subject)) heads.set(at / PLACE, batchHead(headers))
    bytes.set(data, end)
    end += data.length
    places[at++] = streams.indexOf(stream)
    places[at++] = sequence
    places[at++] = storedAtMs
    places[at++] = end
  }
  return { bytes, places, heads }
}

export function* unpack(
  { bytes, places, heads }: PackedMessages,
  streams: readonly string[],
): Generator<UnpackedMessage> {
  let start = 0
  for (let at = 0; at < places.length; at += PLACE) {
    const end = places[at + 3]!
    const data = bytes.subarray(start, end)
    const stream = streams[places[at]!]!
    const head = heads.get(at / PLACE)
    yield { stream, sequence: places[at + 1]!, storedAtMs: places[at + 2]!, data, head }
    start = end
  }
}
