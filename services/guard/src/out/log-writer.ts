import type { OutgoingEvent } from '@fluxgate/contracts'
import type { NatsLink } from '@fluxgate/nats'

const WRONG_LAST_SEQUENCE = 10071
const NO_MESSAGE_FOUND = 10037
const APPEND_TIMEOUT_MS = 2_000

/**
 * Appends an event and waits for the stream; with `after`, only if the last event of its subject has that sequence.
 * @returns false when another event was there first
 */
export async function append(
  link: NatsLink,
  { subject, event }: OutgoingEvent,
  after?: number,
): Promise<boolean> {
  try {
    await link.jetstream.publish(subject, JSON.stringify(event), {
      msgID: event.id,
      timeout: APPEND_TIMEOUT_MS,
      ...(after === undefined ? undefined : { expect: { lastSubjectSequence: after } }),
    })
    return true
  } catch (error) {
    if (errorCode(error) === WRONG_LAST_SEQUENCE) return false
    throw error
  }
}

export interface LastMessage {
  readonly sequence: number
  readonly atMs: number
  readonly data: Uint8Array
  readonly operation: string
}

/** The last message of one subject, straight from the stream's leader. */
export async function lastMessage(
  link: NatsLink,
  stream: string,
  subject: string,
): Promise<LastMessage | undefined> {
  try {
    const message = await link.manager.streams.getMessage(stream, { last_by_subj: subject })
    return {
      sequence: message.seq,
      atMs: message.time.getTime(),
      data: message.data,
      operation: message.header.get('KV-Operation'),
    }
  } catch (error) {
    if (errorCode(error) === NO_MESSAGE_FOUND || (error as Error).message === 'no message found')
      return undefined
    throw error
  }
}

function errorCode(error: unknown): number | undefined {
  return (error as { api_error?: { err_code?: number } }).api_error?.err_code
}
