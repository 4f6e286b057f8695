import { batchedStreamOf, isBatched, parseSubject, STREAMS } from '@fluxgate/contracts'
import { readEvents, type Source } from '@fluxgate/forensics'
import { eventsOfMessage, type NatsLink, type PublishedMessage } from '@fluxgate/nats'
import type { Listener, LiveLog } from './live-log.ts'

/** A lost server is noticed after two pings: what was published that long before may not have been heard. */
const UNNOTICED_MS = 25_000

/** The log as JetStream holds it, and as it passes. */
export function openLiveLog(link: NatsLink): LiveLog {
  return {
    history: (sources, fromMs, signal) => readEvents(link, sources, { fromMs }, { signal }),

    async live(sources, listener) {
      const subscriptions = sources.flatMap(subjectsOf).map(subject =>
        link.connection.subscribe(subject, {
          callback: (error, message) => {
            if (error) listener.unreadable(subject, error.message)
            else hear(message, listener)
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
  }
}

/** A filter names no batch: all of them are heard, and whoever listens leaves out what it does not want. */
function subjectsOf({ stream, subject }: Source): string[] {
  if (subject === undefined) return [`fluxgate.${stream}.>`]
  return isBatched(stream) ? [subject, `fluxgate.${stream}.*`] : [subject]
}

function hear(message: PublishedMessage, listener: Listener): void {
  const { subject } = message
  const name = batchedStreamOf(subject) ?? parseSubject(subject)?.stream
  if (!name) {
    listener.unreadable(subject, 'not a subject of the log')
    return
  }
  for (const parsed of eventsOfMessage(message)) {
    if (!parsed.ok) listener.unreadable(subject, parsed.reason)
    else {
      const event = parsed.value
      listener.event({ stream: STREAMS[name], sequence: null, storedAtMs: null, subject, event })
    }
  }
}
