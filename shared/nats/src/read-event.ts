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

export function isNotFound(error: unknown): boolean {
  return isApiError(error, NO_MESSAGE_FOUND) || (error as Error).message === 'no message found'
}
