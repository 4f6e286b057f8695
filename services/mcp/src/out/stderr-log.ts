import type { Writable } from 'node:stream'
import type { LinkLog } from '@fluxgate/nats'

/** A log of JSON lines for where standard output is taken: warnings and errors, for whoever debugs the client. */
export function stderrLog(stream: Writable): LinkLog {
  const write = (level: string) => (fields: object, message: string) => {
    const line = { level, time: new Date().toISOString(), service: 'mcp', ...fields, msg: message }
    stream.write(`${JSON.stringify(line, plainError)}\n`)
  }
  return { info() {}, warn: write('warn'), error: write('error') }
}

function plainError(_name: string, value: unknown): unknown {
  return value instanceof Error ? { message: value.message, stack: value.stack } : value
}
