import { readEventStream } from '@fluxgate/contracts'

/** Results of forensics are one event each. */
const MAX_EVENT_BYTES = 64 * 1024 * 1024

/** The data of Server-Sent Events, one by one. */
export async function* eventData(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  for await (const { data } of readEventStream(chunksOf(body), { maxHeldBytes: MAX_EVENT_BYTES })) yield data
}

/** Not every browser can iterate a stream. */
async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    yield value
  }
}
