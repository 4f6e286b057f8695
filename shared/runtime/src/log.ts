import { type DestinationStream, type Logger, pino } from 'pino'

export type Log = Logger

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Fields that never reach a log line, wherever they stand one to three levels deep. */
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

/** Standard error is for where a protocol speaks over standard output. */
export type LogDestination = 'stdout' | 'stderr' | DestinationStream

/** Structured log: one JSON object a line, `service` in each. */
export function createLog(service: string, level: LogLevel, to: LogDestination = 'stdout'): Log {
  return pino(
    {
      name: service,
      level,
      base: { service },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: {
        paths: SECRET_FIELDS.flatMap(f => [`["${f}"]`, `*["${f}"]`, `*.*["${f}"]`]),
        censor: '[redacted]',
      },
    },
    typeof to === 'string' ? pino.destination({ dest: to === 'stdout' ? 1 : 2, sync: true }) : to,
  )
}
