import {
  callerFilter,
  DEADLETTER_STREAM,
  incidentFilter,
  STREAMS,
  type StoredEvent,
} from '@fluxgate/contracts'
import { findRequest, readEvents, timeline } from '@fluxgate/forensics'
import type { NatsLink } from '@fluxgate/nats'
import { askNats } from './ask-nats.nats.ts'
import type { EventLog, StreamState } from './backends.ts'
import { type TokenUse, tokenUseOf } from './token-use.ts'

/** Clocks of nodes and server differ by less than this, and events wait in a spool for less, as a rule. */
const SLACK_MS = 5_000

export function openEventLog(link: NatsLink, maxScannedEvents: number): EventLog {
  return {
    async heads(streams) {
      if (!link.isConnected()) return undefined
      try {
        const infos = await Promise.all(streams.map(stream => link.manager.streams.info(stream)))
        return new Map(infos.map(({ config, state }) => [config.name, state.last_seq]))
      } catch (error) {
        // The answer itself comes from elsewhere: how fresh it is stays unknown.
        link.log.warn({ err: error }, 'streams not seen')
        return undefined
      }
    },

    streams: () =>
      askNats(link, () =>
        Promise.all([...Object.values(STREAMS), DEADLETTER_STREAM].map(stream => streamState(link, stream))),
      ),

    tokenUses: (identity, fromMs, signal) =>
      askNats(link, async () => {
        const items: TokenUse[] = []
        let scanned = 0
        const source = { stream: 'tokens' as const, subject: callerFilter('tokens', identity) }
        // Clocks differ, and what counts is the event's own time, which is never much later than its storing.
        for await (const facts of readEvents(link, [source], { fromMs: fromMs - SLACK_MS }, { signal })) {
          for (const { event } of facts) {
            if (scanned >= maxScannedEvents) return { items, scanned, cut: true }
            scanned++
            const burn = tokenUseOf(event)
            if (burn && burn.atMs >= fromMs) items.push(burn)
          }
        }
        signal.throwIfAborted()
        return { items, scanned, cut: false }
      }),

    request: (search, signal) =>
      askNats(link, async () => {
        const found = await findRequest(link, { ...search, maxScanned: maxScannedEvents }, signal)
        signal.throwIfAborted()
        return found
      }),

    timeline: ({ user, key, limit, ...range }, signal) =>
      askNats(link, async () => {
        const items: StoredEvent[] = []
        for await (const facts of timeline(link, { user, key }, range, { signal })) {
          items.push(...facts)
          if (items.length > limit) return { items: items.slice(0, limit), more: true }
        }
        signal.throwIfAborted()
        return { items, more: false }
      }),

    incident: (id, signal) =>
      askNats(link, async () => {
        const source = { stream: 'incidents' as const, subject: incidentFilter({ incident: id }) }
        const items: StoredEvent[] = []
        for await (const facts of readEvents(link, [source], {}, { signal })) items.push(...facts)
        signal.throwIfAborted()
        return items
      }),
  }
}

async function streamState(link: NatsLink, stream: string): Promise<StreamState> {
  const { config, state } = await link.manager.streams.info(stream)
  return {
    stream,
    messages: state.messages,
    bytes: state.bytes,
    maxBytes: config.max_bytes,
    discard: config.discard,
    firstSequence: state.first_seq,
    lastSequence: state.last_seq,
    lastAt: state.messages === 0 ? null : Date.parse(state.last_ts),
    consumers: state.consumer_count,
  }
}
