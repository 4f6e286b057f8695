import { deadLetterSubject } from '@fluxgate/contracts'
import { headers } from 'nats'
import type { NatsLink } from './link.ts'
import type { StoredMessage } from './pull.ts'
import { pause } from './read.ts'
import { messageAt } from './stored-message.ts'

/** Headers of a dead letter; its body is the message as it was. */
export const DEAD_LETTER_HEADERS = Object.freeze({
  reason: 'Fluxgate-Reason',
  consumer: 'Fluxgate-Consumer',
  subject: 'Fluxgate-Subject',
  stream: 'Fluxgate-Stream',
  sequence: 'Fluxgate-Sequence',
})
const RETRY_MS = 1_000

/**
 * Copies a message that cannot be read or handled to `fluxgate.deadletter.<stream>` with its reason, and returns when
 * the copy is stored. The id makes a second copy by the same consumer a duplicate.
 */
export async function buryMessage(
  link: NatsLink,
  consumer: string,
  message: Pick<StoredMessage, 'stream' | 'sequence' | 'subject' | 'data'>,
  reason: string,
  signal: AbortSignal,
): Promise<void> {
  const header = headers()
  header.set('Nats-Msg-Id', `${consumer}/${message.stream}/${message.sequence}`)
  header.set(DEAD_LETTER_HEADERS.reason, reason.replace(/[\r\n]+/g, ' ').slice(0, 1_000))
  header.set(DEAD_LETTER_HEADERS.consumer, consumer)
  header.set(DEAD_LETTER_HEADERS.subject, message.subject)
  header.set(DEAD_LETTER_HEADERS.stream, message.stream)
  header.set(DEAD_LETTER_HEADERS.sequence, String(message.sequence))
  link.log.warn({ consumer, stream: message.stream, sequence: message.sequence, reason }, 'dead letter')
  while (!signal.aborted) {
    try {
      await link.jetstream.publish(deadLetterSubject(message.stream), message.data, { headers: header })
      return
    } catch (error) {
      link.log.error(
        { err: error, consumer, sequence: message.sequence },
        'dead letter not stored, trying again',
      )
      await pause(RETRY_MS, signal)
    }
  }
}

/**
 * The same for an event that was read and then could not be handled, by its place in the log.
 * @throws when the log does not answer; one that retention has dropped meanwhile is passed over
 */
export async function buryEvent(
  link: NatsLink,
  consumer: string,
  { stream, sequence }: Pick<StoredMessage, 'stream' | 'sequence'>,
  reason: string,
  signal: AbortSignal,
): Promise<void> {
  const found = await messageAt(link, stream, sequence)
  if (!found) return
  const { subject, data } = found
  await buryMessage(link, consumer, { stream, sequence, subject, data }, reason, signal)
}
