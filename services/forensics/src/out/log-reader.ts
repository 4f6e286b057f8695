import { parseEvent, parseSubject, STREAMS } from '@fluxgate/contracts'
import { type NatsLink, replay } from '@fluxgate/nats'
import { EXIT, Trouble } from '../core/fault.ts'
import type { Listener, LogReader, Source, StoredFact } from '../core/log-reader.ts'

/** A lost server is noticed after two pings: what was published that long before may not have been heard. */
const UNNOTICED_MS = 25_000

/** The log as JetStream holds it, and as it passes. Reads with consumers that vanish by themselves. */
export function openLogReader(link: NatsLink): LogReader {
  return {
    history: (source, fromMs, signal) => history(link, source, fromMs, signal),

    async live(sources, listener) {
      const subscriptions = sources.map(({ subject }) =>
        link.connection.subscribe(subject, {
          callback: (error, message) => {
            if (error) listener.unreadable(subject, error.message)
            else hear(message.subject, message.data, listener)
          },
        }),
      )
      await link.connection.flush()
      let lostAtMs = Date.now()
      const offs = [
        link.onDisconnect(() => {
          lostAtMs = Date.now()
        }),
        link.onReconnect(() => listener.gap(lostAtMs - UNNOTICED_MS)),
      ]
      return {
        [Symbol.dispose]() {
          for (const off of offs) off()
          for (const subscription of subscriptions) subscription.unsubscribe()
        },
      }
    },

    async at(stream, sequence, signal) {
      const source = { stream: STREAMS[stream], from: { sequence }, maxBatch: 1, maxBuffered: 2, signal }
      for await (const { events } of reading(replay(link, source), STREAMS[stream])) {
        const [fact] = events
        return fact?.sequence === sequence ? fact : undefined
      }
      return undefined
    },
  }
}

async function* history(
  link: NatsLink,
  { stream, subject }: Source,
  fromMs: number | undefined,
  signal: AbortSignal,
): AsyncGenerator<StoredFact> {
  const from = fromMs === undefined ? 'first' : { timeMs: Math.max(0, fromMs) }
  const batches = replay(link, { stream: STREAMS[stream], filter: subject, from, signal })
  for await (const { events } of reading(batches, STREAMS[stream])) yield* events
}

/** A stream that is not there is told as such. */
async function* reading<T>(batches: AsyncGenerator<T>, stream: string): AsyncGenerator<T> {
  try {
    yield* batches
  } catch (cause) {
    const { message } = cause as Error
    const reason = message.includes('stream not found')
      ? `there is no stream ${stream}: has a gateway ever run on it?`
      : `stream ${stream} cannot be read: ${message}`
    throw new Trouble(EXIT.unreachable, reason, { cause })
  }
}

function hear(subject: string, data: Uint8Array, listener: Listener): void {
  const place = parseSubject(subject)
  const parsed = parseEvent(data)
  if (!place) listener.unreadable(subject, 'not a subject of the log')
  else if (!parsed.ok) listener.unreadable(subject, parsed.reason)
  else {
    const event = parsed.value
    listener.fact({ stream: STREAMS[place.stream], sequence: null, storedAtMs: null, subject, event })
  }
}
