import {
  batchedStreamOf,
  batchHead,
  batchLines,
  eventOfLine,
  type FluxgateEvent,
  type LogPosition,
  type Parsed,
  parseEvent,
} from '@fluxgate/contracts'
import type { MsgHdrs, MsgRequest, StoredMsg } from 'nats'
import { isNotFound } from './api-error.ts'
import type { NatsLink } from './link.ts'

/** What is stored at one position: a message, or an event of a batch with its line. */
export interface FoundMessage {
  readonly stream: string
  readonly sequence: number
  readonly index: number | undefined
  readonly subject: string
  readonly data: Uint8Array
  /** Of the message. */
  readonly headers: MsgHdrs
  readonly storedAtMs: number
  readonly parsed: Parsed<FluxgateEvent>
}

/** One stored message by its sequence, from the stream's leader; undefined when it is not there (any more). */
export function messageAt(link: NatsLink, stream: string, sequence: number): Promise<StoredMsg | undefined> {
  return messageFor(link, stream, { seq: sequence })
}

/** What stands at a position, of a batch without an index its first event; undefined when it is not there (any more). */
export async function messageOf(
  link: NatsLink,
  { stream, sequence, index = 0 }: LogPosition,
): Promise<FoundMessage | undefined> {
  const message = await messageAt(link, stream, sequence)
  if (!message) return undefined
  const { subject, header, data } = message
  const found = { stream, sequence, subject, headers: header, storedAtMs: message.time.getTime() }
  if (!batchedStreamOf(subject)) return { ...found, index: undefined, data, parsed: parseEvent(data) }
  const line = batchLines(data)[index]
  return line && { ...found, index, data: line, parsed: eventOfLine(line, batchHead(header), index) }
}

/** The last message of a subject, which may hold wildcards; undefined when there is none. */
export function lastMessage(link: NatsLink, stream: string, subject: string): Promise<StoredMsg | undefined> {
  return messageFor(link, stream, { last_by_subj: subject })
}

async function messageFor(link: NatsLink, stream: string, query: MsgRequest): Promise<StoredMsg | undefined> {
  try {
    return await link.manager.streams.getMessage(stream, query)
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}
