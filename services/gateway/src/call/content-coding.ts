import type { ResponseHeaders } from '../http/index.ts'

/** Whether an answer is still in a content coding that could not be undone. */
export function isEncoded(headers: ResponseHeaders): boolean {
  const coding = headers['content-encoding']
  return coding !== undefined && coding !== '' && coding !== 'identity'
}
