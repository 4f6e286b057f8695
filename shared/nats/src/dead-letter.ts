import {
  batchHead,
  deadLetterSubject,
  eventByType,
  identitySubject,
  isIdentity,
  type LogPosition,
  readJson,
  wholeEvent,
} from '@fluxgate/contracts'
import { headers } from 'nats'
import type { NatsLink } from './link.ts'
import type { StoredMessage } from './pull.ts'
import { pause } from './read.ts'
import { messageOf } from './stored-message.ts'

/** Headers of a dead letter; its body is the message as it was, or the event of a batch as a message of its own. */
export const DEAD_LETTER_HEADERS = Object.freeze({
  reason: 'Fluxgate-Reason',
  consumer: 'Fluxgate-Consumer',
  subject: 'Fluxgate-Subject',
  stream: 'Fluxgate-Stream',
  sequence: 'Fluxgate-Sequence',
  /** Of an event in its batch. */
  index: 'Fluxgate-Index',
})
const RETRY_MS = 1_000

export type Buried = Pick<StoredMessage, 'stream' | 'sequence' | 'index' | 'subject' | 'data' | 'headers'>

/**
 * Copies a message, or an event of a batch, that cannot be read or handled to `fluxgate.deadletter.<stream>` with its
 * reason, and returns when the copy is stored. The id makes a second copy by the same consumer a duplicate.
 */
export async function buryMessage(
  link: NatsLink,
  consumer: string,
  message: Buried,
  reason: string,
  signal: AbortSignal,
): Promise<void> {
  const header = headers()
  const { stream, sequence, index } = message
  const { subject, data } = copyOf(message)
  const place = index === undefined ? sequence : `${sequence}.${index}`
  header.set('Nats-Msg-Id', `${consumer}/${stream}/${place}`)
  header.set(DEAD_LETTER_HEADERS.reason, reason.replace(/[\r\n]+/g, ' ').slice(0, 1_000))
  header.set(DEAD_LETTER_HEADERS.consumer, consumer)
  header.set(DEAD_LETTER_HEADERS.subject, subject)
  header.set(DEAD_LETTER_HEADERS.stream, stream)
  header.set(DEAD_LETTER_HEADERS.sequence, String(sequence))
  if (index !== undefined) header.set(DEAD_LETTER_HEADERS.index, String(index))
  link.log.warn({ consumer, stream, sequence, index, reason }, 'dead letter')
  while (!signal.aborted) {
    try {
      await link.jetstream.publish(deadLetterSubject(stream), data, { headers: header })
      return
    } catch (error) {
      link.log.error({ err: error, consumer, sequence }, 'dead letter not stored, trying again')
      await pause(RETRY_MS, signal)
    }
  }
}

/** An event of a batch as a message of its own, as far as its line says what that would be. */
function copyOf({ subject, data, index, headers }: Buried): Pick<Buried, 'subject' | 'data'> {
  if (index === undefined) return { subject, data }
  const head = batchHead(headers)
  const line = readJson(data, { maxSize: data.length })
  const event = line.ok ? wholeEvent(line.value, head, head.first + index) : undefined
  if (!event) return { subject, data }
  const definition = eventByType.get(event.type as string)
  const { user, key } = (event.data ?? {}) as { user?: unknown; key?: unknown }
  const identity = { user, key }
  return {
    subject: definition && isIdentity(identity) ? identitySubject(definition, identity) : subject,
    data: Buffer.from(JSON.stringify(event)),
  }
}

/**
 * The same for an event that was read and then could not be handled, by its place in the log.
 * @throws when the log does not answer; one that retention has dropped meanwhile is passed over
 */
export async function buryEvent(
  link: NatsLink,
  consumer: string,
  position: LogPosition,
  reason: string,
  signal: AbortSignal,
): Promise<void> {
  const found = await messageOf(link, position)
  if (found) await buryMessage(link, consumer, found, reason, signal)
}
