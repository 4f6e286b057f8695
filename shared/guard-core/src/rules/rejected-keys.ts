import { type DataOf, type KeyRejected, type LogEvent, STREAMS } from '@fluxgate/contracts'
import { identityOf } from '../rule.ts'
import { countingRule } from './counting-rule.ts'

type Rejection = DataOf<typeof KeyRejected>
type Reasons = ReadonlySet<Rejection['reason']>

/** Keys that are not ours, tried from one address. A call without any key is no guess. */
export const keyGuessing = rejectedKeys(
  { name: 'keyGuessing', severity: 'high' },
  new Set(['unknown', 'malformed']),
  'unknown or malformed keys',
)

/** Keys that were ours, used from one address after their end: a deployment that was forgotten, or a thief. */
export const deadKeys = rejectedKeys(
  { name: 'deadKeys', severity: 'low' },
  new Set(['revoked', 'expired', 'disabled']),
  'uses of revoked, expired or disabled keys',
)

/** Counts the rejections for these reasons by the address that they came from, which is their identity. */
function rejectedKeys(
  rule: Pick<Parameters<typeof countingRule>[0], 'name' | 'severity'>,
  reasons: Reasons,
  what: string,
) {
  return countingRule({
    ...rule,
    streams: [STREAMS.refusals, STREAMS.auth],
    keyOf: entry => rejectionOf(entry, reasons) && entry.event.subject,
    subject: entry => identityOf(rejectionOf(entry, reasons)!),
    describe: entry => `${what} from ${rejectionOf(entry, reasons)!.address}`,
  })
}

function rejectionOf({ event }: LogEvent, reasons: Reasons): Rejection | undefined {
  return event.type === 'fluxgate.auth.key_rejected' && reasons.has(event.data.reason)
    ? event.data
    : undefined
}
