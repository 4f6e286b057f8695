import { type Logger, pino } from 'pino'

export type Log = Logger

/** Fields that never reach a log line, wherever they stand one or two levels deep. */
const SECRET_FIELDS = [
  'authorization',
  'cookie',
  'password',
  'secret',
  'token',
  'apiKey',
  'x-api-key',
  'set-cookie',
]

/** Structured log on standard output: one JSON object a line, `service` in each. */
export function createLog(service: string, level: string): Log {
  return pino({
    name: service,
    level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: {
      paths: SECRET_FIELDS.flatMap(f => [`["${f}"]`, `*["${f}"]`, `*.*["${f}"]`]),
      censor: '[redacted]',
    },
  })
}
