import { parseSubject, STREAMS } from '@fluxgate/contracts'
import type { StoredAt } from '../backlog.ts'
import type { NatsLink } from '../link.ts'
import { readStored } from '../read.ts'

/** How far the clocks of gateways and streams may be apart. */
const CLOCK_MARGIN_MS = 10_000

export interface Sought {
  readonly subject: string
  readonly id: string
}

/**
 * Which of these events their streams hold, and where: a stream drops a copy for 30 s only, and this looks further back. Reads
 * what the streams stored between two times (epoch milliseconds by this host's clock), headers only.
 */
export async function findStored(
  link: NatsLink,
  sought: Iterable<Sought>,
  fromMs: number,
  untilMs: number,
  signal?: AbortSignal,
): Promise<Map<string, StoredAt>> {
  const idsOfStream = new Map<string, Set<string>>()
  for (const { subject, id } of sought) {
    const parsed = parseSubject(subject)
    if (!parsed) continue
    const stream = STREAMS[parsed.stream]
    const ids = idsOfStream.get(stream)
    if (ids) ids.add(id)
    else idsOfStream.set(stream, new Set([id]))
  }
  const found = new Map<string, StoredAt>()
  for (const [stream, ids] of idsOfStream) {
    await scan(link, stream, ids, found, { fromMs, untilMs }, signal)
  }
  return found
}

async function scan(
  link: NatsLink,
  stream: string,
  ids: Set<string>,
  found: Map<string, StoredAt>,
  range: { fromMs: number; untilMs: number },
  signal?: AbortSignal,
): Promise<void> {
  const stop = new AbortController()
  const untilMs = range.untilMs + CLOCK_MARGIN_MS
  const messages = readStored(link, {
    stream,
    from: { timeMs: range.fromMs - CLOCK_MARGIN_MS },
    headersOnly: true,
    signal: signal ? AbortSignal.any([signal, stop.signal]) : stop.signal,
    onStart: pending => {
      if (pending === 0) stop.abort()
    },
  })
  for await (const batch of messages) {
    for (const message of batch) {
      const id = message.headers?.get('Nats-Msg-Id')
      if (id && ids.delete(id)) found.set(id, { stream, sequence: message.sequence, duplicate: true })
    }
    const last = batch[batch.length - 1]!
    if (last.pending === 0 || last.storedAtMs > untilMs || ids.size === 0) break
  }
  stop.abort()
  signal?.throwIfAborted()
}
