import {
  type Identity,
  IncidentOpened,
  identityText,
  incidentSubject,
  parseEvent,
  STREAMS,
} from '@fluxgate/contracts'
import { lastMessage, type NatsLink } from '@fluxgate/nats'

/** Whether an incident was opened for this identity; also when its opening is not in the log any more. */
export async function isOpenedFor(link: NatsLink, incident: string, identity: Identity): Promise<boolean> {
  const opened = (await lastMessage(link, STREAMS.incidents, incidentSubject(IncidentOpened, incident)))?.data
  if (opened === undefined) return true
  const parsed = parseEvent(opened)
  if (!parsed.ok || parsed.value.type !== 'fluxgate.incidents.opened') return true
  return identityText(parsed.value.data) === identityText(identity)
}
