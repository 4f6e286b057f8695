import type { StoredMessage } from '@fluxgate/nats'

/** Messages on their way to another thread: their bytes in one buffer, which is moved and not copied. */
export interface PackedMessages {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** For each message: index of its stream, sequence, time stored in epoch milliseconds, end of its bytes. */
  readonly places: Float64Array<ArrayBuffer>
}

export interface UnpackedMessage {
  readonly stream: string
  readonly sequence: number
  readonly storedAtMs: number
  readonly data: Uint8Array
}

const PLACE = 4

export function pack(messages: readonly StoredMessage[], streams: readonly string[]): PackedMessages {
  let length = 0
  for (const { data } of messages) length += data.length
  const bytes = new Uint8Array(length)
  const places = new Float64Array(messages.length * PLACE)
  let end = 0
  let at = 0
  for (const { stream, sequence, storedAtMs, data } of messages) {
    bytes.set(data, end)
    end += data.length
    places[at++] = streams.indexOf(stream)
    places[at++] = sequence
    places[at++] = storedAtMs
    places[at++] = end
  }
  return { bytes, places }
}

export function* unpack(
  { bytes, places }: PackedMessages,
  streams: readonly string[],
): Generator<UnpackedMessage> {
  let start = 0
  for (let at = 0; at < places.length; at += PLACE) {
    const end = places[at + 3]!
    const data = bytes.subarray(start, end)
    yield { stream: streams[places[at]!]!, sequence: places[at + 1]!, storedAtMs: places[at + 2]!, data }
    start = end
  }
}
