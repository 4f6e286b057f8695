import { parseEvent, parseSubject, STREAMS } from '@fluxgate/contracts'
import { readEvents } from '@fluxgate/forensics'
import type { NatsLink } from '@fluxgate/nats'
import type { Listener, LiveLog } from './live-log.ts'

/** A lost server is noticed after two pings: what was published that long before may not have been heard. */
const UNNOTICED_MS = 25_000

/** The log as JetStream holds it, and as it passes. */
export function openLiveLog(link: NatsLink): LiveLog {
  return {
    history: (sources, fromMs, signal) => readEvents(link, sources, { fromMs }, { signal }),

    async live(sources, listener) {
      const subscriptions = sources.map(({ stream, subject = `fluxgate.${stream}.>` }) =>
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
  }
}

function hear(subject: string, data: Uint8Array, listener: Listener): void {
  const place = parseSubject(subject)
  const parsed = parseEvent(data)
  if (!place) listener.unreadable(subject, 'not a subject of the log')
  else if (!parsed.ok) listener.unreadable(subject, parsed.reason)
  else {
    const event = parsed.value
    listener.event({ stream: STREAMS[place.stream], sequence: null, storedAtMs: null, subject, event })
  }
}
