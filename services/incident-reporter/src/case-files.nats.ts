import {
  callerFilter,
  type EventNamed,
  identitySubject,
  type LogPosition,
  placeOf,
  RequestAdmitted,
  STREAMS,
  type StoredEvent,
} from '@fluxgate/contracts'
import { messageOf, type NatsLink, replay } from '@fluxgate/nats'
import { type CaseFile, type Evidence, type History, type Incident, tally } from './evidence.ts'

/** Streams that may be cited: the name of one comes out of an event. */
const STREAM_NAMES: ReadonlySet<string> = new Set(Object.values(STREAMS))
const REQUESTS_BEFORE_MS = 60_000
const MAX_REQUESTS = 2_000
const THROTTLES_BEFORE_MS = 30 * 86_400_000
const MAX_THROTTLES = 20

/** Gathers what the log holds of an incident. Cited events that retention has dropped are left out and counted. */
export async function openCaseFile(
  link: NatsLink,
  opened: StoredEvent,
  incident: Incident,
  incidents: History['incidents'],
  signal: AbortSignal,
): Promise<CaseFile> {
  const [found, requests, throttles] = await Promise.all([
    Promise.all(incident.evidence.map(reference => evidenceAt(link, reference))),
    requestsBefore(link, opened, incident, signal),
    throttlesBefore(link, opened, incident, signal),
  ])
  const evidence = found.filter(each => each !== undefined)
  return {
    incident,
    openedAt: opened.event.time,
    reference: placeOf(opened),
    evidence,
    missing: found.length - evidence.length,
    history: { requests, throttles, incidents },
  }
}

async function evidenceAt(link: NatsLink, position: LogPosition): Promise<Evidence | undefined> {
  if (!STREAM_NAMES.has(position.stream)) return undefined
  const parsed = (await messageOf(link, position))?.parsed
  return parsed?.ok ? { ...placeOf(position), event: parsed.value } : undefined
}

async function requestsBefore(
  link: NatsLink,
  opened: StoredEvent,
  incident: Incident,
  signal: AbortSignal,
): Promise<History['requests']> {
  const admitted: EventNamed<'requests.admitted'>['data'][] = []
  let isCut = false
  const from = { timeMs: opened.storedAtMs - REQUESTS_BEFORE_MS }
  const options = {
    stream: STREAMS.requests,
    filter: identitySubject(RequestAdmitted, incident),
    from,
    signal,
  }
  for await (const { event } of upTo(opened.storedAtMs, replay(link, options))) {
    if (event.type !== 'fluxgate.requests.admitted') continue
    isCut = admitted.length === MAX_REQUESTS
    if (isCut) break
    admitted.push(event.data)
  }
  return {
    count: admitted.length,
    isCut,
    models: tally(admitted.map(({ model }) => model)),
    agents: tally(admitted.map(({ agent }) => agent ?? '')),
    addresses: tally(admitted.map(({ address }) => address)),
    paths: tally(admitted.map(({ path }) => path)),
  }
}

async function throttlesBefore(
  link: NatsLink,
  opened: StoredEvent,
  incident: Incident,
  signal: AbortSignal,
): Promise<Evidence[]> {
  const found: Evidence[] = []
  const from = { timeMs: opened.storedAtMs - THROTTLES_BEFORE_MS }
  const options = { stream: STREAMS.throttles, filter: callerFilter('throttles', incident), from, signal }
  for await (const { event, stream, sequence } of upTo(opened.storedAtMs, replay(link, options))) {
    // The throttle of this incident is not one before it.
    if (event.type === 'fluxgate.throttles.imposed' && event.data.incident === incident.incident) continue
    found.push({ stream, sequence, event })
    if (found.length > MAX_THROTTLES) found.shift()
  }
  return found
}

async function* upTo(endMs: number, batches: ReturnType<typeof replay>): AsyncGenerator<StoredEvent> {
  for await (const { events } of batches) {
    for (const logged of events) {
      if (logged.storedAtMs > endMs) return
      yield logged
    }
  }
}
