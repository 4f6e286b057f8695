import { factFilter, IncidentOpened, parseEvent, STREAMS } from '@fluxgate/contracts'
import { type LoggedEvent, type NatsLink, readEvent, replay } from '@fluxgate/nats'
import type { CaseFile, Evidence, Incident, Reference } from '../core/evidence.ts'

/** Gathers what the log holds of an incident. Cited events that retention has dropped are left out. */
export async function openCaseFile(
  link: NatsLink,
  opened: LoggedEvent,
  incident: Incident,
): Promise<CaseFile> {
  const found = await Promise.all(incident.evidence.map(reference => evidenceAt(link, reference)))
  return {
    incident,
    openedAt: opened.event.time,
    reference: { stream: opened.stream, sequence: opened.sequence },
    evidence: found.filter(each => each !== undefined),
    earlier: await earlierIncidents(link, opened, incident),
  }
}

async function evidenceAt(link: NatsLink, { stream, sequence }: Reference): Promise<Evidence | undefined> {
  const bytes = await readEvent(link, stream, sequence)
  const parsed = bytes && parseEvent(bytes)
  return parsed?.ok ? { stream, sequence, event: parsed.value } : undefined
}

async function earlierIncidents(link: NatsLink, opened: LoggedEvent, incident: Incident): Promise<number> {
  let earlier = 0
  const options = { stream: STREAMS.incidents, filter: factFilter(IncidentOpened), from: 'first' } as const
  for await (const batch of replay(link, options)) {
    for (const { sequence, event } of batch.events) {
      if (sequence >= opened.sequence) return earlier
      if (event.type !== 'fluxgate.incidents.opened') continue
      if (event.data.user === incident.user && event.data.key === incident.key) earlier++
    }
  }
  return earlier
}
