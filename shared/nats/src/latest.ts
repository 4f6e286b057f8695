import type { NatsLink } from './link.ts'
import type { StoredMessage } from './pull.ts'
import { readStored } from './read.ts'
import { lastMessage } from './stored-message.ts'

export interface LatestOptions {
  readonly stream: string
  /** A subject filter that holds the whole stream, or a part of it. */
  readonly filter: string
  /** Leaves the payloads out. */
  readonly headersOnly?: boolean
  readonly signal?: AbortSignal | undefined
}

/** What was last may be purged, or age away, before it is read: then nothing comes that would say so. */
const LOOK_AGAIN_MS = 1_000
/** Somebody who writes without a pause must not keep a reader for ever. */
const MAX_ROUNDS = 16

/**
 * The last message of every subject, as they stand when the reading ends. Its end is known by the position of the last
 * of all, and not by what the server says is pending: when a subject is written to while a consumer of its last message
 * starts, nats-server 2.9 counts one too many from then on, and who waits for none waits for ever (measured).
 */
export async function* readLatest(link: NatsLink, options: LatestOptions): AsyncGenerator<StoredMessage[]> {
  const last = async () => (await lastMessage(link, options.stream, options.filter))?.seq
  let end = await last()
  if (end === undefined) return
  let reached = 0
  const stop = new AbortController()
  const timer = setInterval(() => {
    const stopAtEnd = (last: number | undefined) => {
      if (last === undefined || last <= reached) stop.abort()
    }
    last().then(stopAtEnd, () => undefined)
  }, LOOK_AGAIN_MS)
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal
  try {
    let rounds = 0
    for await (const messages of readStored(link, { ...options, from: 'latest', signal })) {
      reached = messages[messages.length - 1]!.sequence
      yield messages
      if (reached < end) continue
      // A subject that was written to meanwhile has lost its old message, and its new one stands behind.
      end = await last()
      if (end === undefined || end <= reached || ++rounds === MAX_ROUNDS) return
    }
  } finally {
    clearInterval(timer)
    stop.abort()
  }
}
