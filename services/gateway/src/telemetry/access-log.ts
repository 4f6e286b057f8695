import type { Identity } from '@fluxgate/contracts'
import type { Log } from '@fluxgate/runtime'
import type { Call, CallEnd } from '../call/index.ts'

export interface AccessLog {
  ended(call: Call, identity: Identity, end: CallEnd): void
  refused(call: Call, identity: Identity, code: string, status: number): void
}

/** A line for each call, for those who want one beside the event log. No query, no header, no text of a body. */
export function openAccessLog(log: Pick<Log, 'info'>, nowMs: () => number): AccessLog {
  return {
    ended(call, identity, { outcome, ending, settlement, errorType }) {
      const { status, durationMs, firstByteMs, bytes, upstream } = ending
      const { input: prompt, output: completion } = settlement.usage
      log.info(
        {
          ...about(call, identity, status, durationMs),
          outcome,
          upstream,
          firstByteMs,
          bytes,
          prompt,
          completion,
          error: errorType,
        },
        'request',
      )
    },
    refused(call, identity, code, status) {
      const line = about(call, identity, status, nowMs() - call.startedMs)
      log.info({ ...line, outcome: 'refused', error: code }, 'request')
    },
  }
}

function about(call: Call, { user, key }: Identity, status: number, durationMs: number) {
  const { id, method, path, address, model, traceparent } = call
  return { request: id, user, key, address, method, path, model, status, durationMs, traceparent }
}
