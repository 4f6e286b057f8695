import { STREAMS } from '@fluxgate/contracts'
import { identityOf } from '../rule.ts'
import { countingRule } from './counting-rule.ts'

/** Refusals for which the gateway, and not the caller, is the reason: whoever tries again is not flooding. */
const OUR_FAULT: ReadonlySet<string> = new Set(['overloaded', 'unavailable', 'timeout'])

/** Calls of one identity, admitted or refused: beyond what the largest tier may do in a minute. */
export const requestFlood = countingRule({
  name: 'requestFlood',
  streams: [STREAMS.requests, STREAMS.refusals],
  severity: 'medium',
  keyOf({ event }) {
    if (event.type === 'fluxgate.requests.admitted') return event.subject
    return event.type === 'fluxgate.requests.refused' && !OUR_FAULT.has(event.data.reason)
      ? event.subject
      : undefined
  },
  subject: ({ event }) => identityOf(event.data as never),
  describe: () => 'calls',
})
