import type { MsgRequest, StoredMsg } from 'nats'
import { isNotFound } from './api-error.ts'
import type { NatsLink } from './link.ts'

/** One stored message by its sequence, from the stream's leader; undefined when it is not there (any more). */
export function messageAt(link: NatsLink, stream: string, sequence: number): Promise<StoredMsg | undefined> {
  return messageFor(link, stream, { seq: sequence })
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
