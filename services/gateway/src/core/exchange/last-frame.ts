import type { Dialect } from '../dialect/dialect.ts'

/**
 * What ends a stream in each dialect, as bytes that cannot stand inside of its JSON: clients take the answer for whole
 * when they have read it, before the connection says so.
 */
const LAST: Readonly<Record<Dialect['name'], readonly Buffer[]>> = Object.freeze({
  openai: [Buffer.from('data: [DONE]\n'), Buffer.from('event: response.completed\n')],
  anthropic: [Buffer.from('event: message_stop\n')],
  ollama: [Buffer.from('"done":true')],
})
/** Where a frame ends: its blank line, or the line's end in NDJSON. */
const LF = 10

/** True when this chunk of a stream ends the answer for its client. */
export function endsStream(dialect: Dialect['name'], chunk: Buffer): boolean {
  if (chunk[chunk.length - 1] !== LF) return false
  for (const mark of LAST[dialect]) if (chunk.includes(mark)) return true
  return false
}
