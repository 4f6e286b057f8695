import type { OutgoingEvent } from '@fluxgate/contracts'
import { encodeEvent } from '@fluxgate/contracts'
import type { NatsLink } from '@fluxgate/nats'

const WRONG_LAST_SEQUENCE = 10071

/**
 * Appends an event right after the last of its subject that its maker saw (0: there was none), or not at all: the
 * stream's window of duplicates is shorter than a redelivery may take.
 * @returns its sequence, or undefined when another was first
 */
export async function appendOnce(
  link: NatsLink,
  { subject, event }: OutgoingEvent,
  after: number,
): Promise<number | undefined> {
  try {
    const expect = { lastSubjectSequence: after }
    return (await link.jetstream.publish(subject, encodeEvent(event), { msgID: event.id, expect })).seq
  } catch (error) {
    if ((error as { api_error?: { err_code?: number } }).api_error?.err_code === WRONG_LAST_SEQUENCE)
      return undefined
    throw error
  }
}
