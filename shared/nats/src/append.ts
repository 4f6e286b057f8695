import { encodeEvent, type OutgoingEvent } from '@fluxgate/contracts'
import { headers, type MsgHdrs } from 'nats'
import { API_ERROR, isApiError } from './api-error.ts'
import type { NatsLink } from './link.ts'

export interface AppendOptions {
  /** Appends only if the last message of the subject has this sequence; 0: if there is none. */
  readonly after?: number
  readonly timeoutMs?: number
}

/**
 * Appends one event and waits for its stream. A stream forgets ids after its window of duplicates; `after` holds for good.
 * @returns its sequence, or undefined when another message was there first
 */
export async function appendEvent(
  link: NatsLink,
  { subject, event }: OutgoingEvent,
  { after, timeoutMs }: AppendOptions = {},
): Promise<number | undefined> {
  try {
    const stored = await link.jetstream.publish(subject, encodeEvent(event), {
      msgID: event.id,
      ...(timeoutMs === undefined ? undefined : { timeout: timeoutMs }),
      ...(after === undefined ? undefined : { expect: { lastSubjectSequence: after } }),
    })
    return stored.seq
  } catch (error) {
    if (isApiError(error, API_ERROR.wrongLastSequence)) return undefined
    throw error
  }
}

/** Headers of a message by their names. */
export function messageHeaders(fields: Readonly<Record<string, string>>): MsgHdrs {
  const made = headers()
  for (const [name, value] of Object.entries(fields)) made.set(name, value)
  return made
}
