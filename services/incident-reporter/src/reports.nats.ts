import {
  type EventMaker,
  type IncidentReport,
  IncidentReported,
  incidentSubject,
  parseEvent,
  STREAMS,
} from '@fluxgate/contracts'
import { appendEvent, lastMessage, type NatsLink } from '@fluxgate/nats'

const MAX_MODEL_CHARS = 256

/** The last report of an incident; all of one incident share a subject. */
export async function lastReport(
  link: NatsLink,
  incident: string,
): Promise<{ source: 'facts' | 'model'; sequence: number } | undefined> {
  const subject = incidentSubject(IncidentReported, incident)
  const message = await lastMessage(link, STREAMS.incidents, subject)
  if (!message) return undefined
  const parsed = parseEvent(message.data)
  const reported = parsed.ok && parsed.value.type === 'fluxgate.incidents.reported' ? parsed.value : undefined
  return { source: reported?.data.source ?? 'facts', sequence: message.seq }
}

/** Appends a report after the one that its maker saw: there is one from the facts and one from the model for good. */
export async function appendReport(
  link: NatsLink,
  make: EventMaker,
  fact: { incident: string; source: 'facts' | 'model'; model?: string; report: IncidentReport },
  after: number,
): Promise<number | undefined> {
  const { model, ...rest } = fact
  const by = model === undefined ? undefined : { model: model.slice(0, MAX_MODEL_CHARS) }
  const id = `reported-${fact.source}-${fact.incident}`
  return appendEvent(link, make(IncidentReported, { ...rest, ...by }, { id }), { after })
}
