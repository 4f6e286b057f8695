import {
  type EventMaker,
  type IncidentReport,
  IncidentReported,
  incidentSubject,
  parseEvent,
  STREAMS,
} from '@fluxgate/contracts'
import type { NatsLink } from '@fluxgate/nats'

const NO_MESSAGE_FOUND = 10037
const WRONG_LAST_SEQUENCE = 10071
const MAX_MODEL_CHARS = 256

/** The last report of an incident; all of one incident share a subject. */
export async function lastReport(
  link: NatsLink,
  incident: string,
): Promise<{ source: 'facts' | 'model'; sequence: number } | undefined> {
  const subject = incidentSubject(IncidentReported, incident)
  try {
    const message = await link.manager.streams.getMessage(STREAMS.incidents, { last_by_subj: subject })
    const parsed = parseEvent(message.data)
    const reported =
      parsed.ok && parsed.value.type === 'fluxgate.incidents.reported' ? parsed.value : undefined
    return { source: reported?.data.source ?? 'facts', sequence: message.seq }
  } catch (error) {
    const isAbsent = errorCode(error) === NO_MESSAGE_FOUND || (error as Error).message === 'no message found'
    if (isAbsent) return undefined
    throw error
  }
}

/**
 * Appends a report right after the one that its maker saw, or not at all (undefined): so there is one from the facts
 * and one from the model for good. The stream's window of duplicates is shorter than a redelivery may take.
 */
export async function appendReport(
  link: NatsLink,
  make: EventMaker,
  fact: { incident: string; source: 'facts' | 'model'; model?: string; report: IncidentReport },
  after: number,
): Promise<number | undefined> {
  const { model, ...rest } = fact
  const by = model === undefined ? undefined : { model: model.slice(0, MAX_MODEL_CHARS) }
  const id = `reported-${fact.source}-${fact.incident}`
  const { subject, event } = make(IncidentReported, { ...rest, ...by }, { id })
  try {
    const expect = { lastSubjectSequence: after }
    return (await link.jetstream.publish(subject, JSON.stringify(event), { msgID: id, expect })).seq
  } catch (error) {
    if (errorCode(error) === WRONG_LAST_SEQUENCE) return undefined
    throw error
  }
}

function errorCode(error: unknown): number | undefined {
  return (error as { api_error?: { err_code?: number } }).api_error?.err_code
}
