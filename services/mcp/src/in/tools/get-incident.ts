import { STREAMS } from '@fluxgate/contracts'
import { z } from 'zod'
import { answered, problem } from '../../core/answer.ts'
import type { Desk } from '../../core/desk.ts'
import { Fault } from '../../core/fault.ts'
import { freshnessText } from '../../core/freshness.ts'
import { isoTime, quoted } from '../../core/words.ts'
import { asOfField, asOfOf, freshnessOf, identityOf, timeField } from '../fields.ts'
import { incidentDetailFields, incidentDetailOf, incidentText } from '../incident.ts'
import { incidentField } from '../incident-order.ts'
import { defineTool } from '../tool.ts'

const MAX_REPORT_CHARS = 4_000
const whole = (text: string) => quoted(text, MAX_REPORT_CHARS)

export const getIncident = defineTool({
  name: 'get_incident',
  title: 'One incident',
  description:
    'Everything about one incident: the figures that crossed the thresholds, the evidence as places in the log, the ' +
    'whole report, who acknowledged or closed it, and whether a throttle of the identity is in force now. Use it ' +
    'before you judge a case or pardon somebody.',
  effect: 'reads',
  input: z.strictObject({
    incident: incidentField,
  }),
  output: z.object({
    incident: z.object(incidentDetailFields),
    throttle: z
      .object({
        state: z.enum(['in_force', 'none', 'unknown']),
        until: timeField.optional(),
        rule: z.string().optional(),
        actor: z.string().optional(),
      })
      .describe('Live, from the bucket that gateways obey; unknown while it cannot be reached.'),
    asOf: asOfField,
  }),

  async answer({ incident: id }, desk) {
    const fresh = await freshnessOf(desk, [STREAMS.incidents])
    const found = await desk.tables.incident(id)
    if (!found) {
      return problem(
        `There is no incident ${id}. get_security_incidents lists those there are. ${freshnessText(fresh)}`,
      )
    }
    const incident = incidentDetailOf(found)
    const throttle = await throttleNow(desk, incident.identity)
    const { report } = incident
    return answered({ incident, throttle, asOf: asOfOf(fresh) }, [
      incidentText(incident),
      `Figures: ${Object.entries(incident.numbers)
        .map(([name, value]) => `${name} ${value}`)
        .join(', ')}`,
      `Evidence: ${incident.evidence.map(({ stream, sequence }) => `${stream}:${sequence}`).join(', ') || 'none'}`,
      ...(report
        ? [
            `Report by ${incident.reportModel === null ? 'the facts' : quoted(incident.reportModel)}: ${report.verdict} ` +
              `(confidence ${report.confidence}). ${whole(report.summary)} Cause: ${whole(report.likelyCause)} ` +
              `Advice: ${whole(report.recommendedAction)}`,
          ]
        : ['No report yet.']),
      throttle.state === 'in_force'
        ? `Throttled now, until ${throttle.until}, by ${throttle.actor}.`
        : throttle.state === 'none'
          ? 'Not throttled now.'
          : 'Whether it is throttled now is unknown: the log cannot be reached.',
      freshnessText(fresh),
    ])
  },
})

async function throttleNow(desk: Desk, identity: string) {
  try {
    const throttle = await desk.control.throttleOf(identityOf(identity))
    if (!throttle || throttle.until <= desk.nowMs()) return { state: 'none' as const }
    const { until, rule, actor } = throttle
    return { state: 'in_force' as const, until: isoTime(until), rule, actor }
  } catch (error) {
    // The incident itself comes from elsewhere.
    if (error instanceof Fault) return { state: 'unknown' as const }
    throw error
  }
}
