import { NOTHING, type UsageTap } from '../usage/tap.ts'
import type { ResponseHeaders } from './upstream.ts'

/** Whether an answer is still in a content coding that nobody could undo. */
export function isEncoded(headers: ResponseHeaders): boolean {
  const coding = headers['content-encoding']
  return coding !== undefined && coding !== '' && coding !== 'identity'
}

/** For an answer that cannot be read: it passes as it is, and is settled by estimate. */
export function unreadTap(): UsageTap {
  let bytes = 0
  return {
    usage: undefined,
    model: undefined,
    get pieces() {
      return Math.ceil(bytes / 4)
    },
    write(chunk) {
      bytes += chunk.length
      return chunk
    },
    end: () => NOTHING,
  }
}
