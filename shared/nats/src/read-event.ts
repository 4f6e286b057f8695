import type { NatsLink } from './link.ts'
import { isApiError } from './topology.ts'

const NO_MESSAGE_FOUND = 10037

/** One stored message by its place in the log, as it was stored; undefined when retention has dropped it. */
export async function readEvent(
  link: NatsLink,
  stream: string,
  sequence: number,
): Promise<Uint8Array | undefined> {
  try {
    return (await link.manager.streams.getMessage(stream, { seq: sequence })).data
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

/** When a message was stored, epoch milliseconds; undefined when retention has dropped it. */
export async function storedAt(
  link: NatsLink,
  stream: string,
  sequence: number,
): Promise<number | undefined> {
  try {
    return (await link.manager.streams.getMessage(stream, { seq: sequence })).time.getTime()
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

/** The last message of a subject, as it was stored; undefined when there is none. */
export async function readLastMessage(
  link: NatsLink,
  stream: string,
  subject: string,
): Promise<Uint8Array | undefined> {
  try {
    return (await link.manager.streams.getMessage(stream, { last_by_subj: subject })).data
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

/** Where the last message of a subject stands; undefined when there is none. The subject may hold wildcards. */
export async function readLastOf(
  link: NatsLink,
  stream: string,
  subject: string,
): Promise<number | undefined> {
  try {
    return (await link.manager.streams.getMessage(stream, { last_by_subj: subject })).seq
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

export function isNotFound(error: unknown): boolean {
  return isApiError(error, NO_MESSAGE_FOUND) || (error as Error).message === 'no message found'
}
