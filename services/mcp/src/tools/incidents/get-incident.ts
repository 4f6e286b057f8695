import { positionText, STREAMS } from '@fluxgate/contracts'
import { z } from 'zod'
import { type Backends, ToolError } from '../../backends/index.ts'
import { answered, defineTool, problem } from '../../calls/index.ts'
import {
  asOfField,
  asOfOf,
  freshnessOf,
  freshnessText,
  identityOf,
  incidentDetailFields,
  incidentDetailOf,
  incidentField,
  incidentText,
  isoTime,
  quoted,
  timeField,
} from '../../views/index.ts'

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

  async answer({ incident: id }, backends) {
    const fresh = await freshnessOf(backends, [STREAMS.incidents])
    const found = await backends.tables.incident(id)
    if (!found) {
      return problem(
        `There is no incident ${id}. get_security_incidents lists those there are. ${freshnessText(fresh)}`,
      )
    }
    const incident = incidentDetailOf(found)
    const throttle = await throttleNow(backends, incident.identity)
    const { report } = incident
    return answered({ incident, throttle, asOf: asOfOf(fresh) }, [
      incidentText(incident),
      `Figures: ${Object.entries(incident.numbers)
        .map(([name, value]) => `${name} ${value}`)
        .join(', ')}`,
      `Evidence: ${incident.evidence.map(positionText).join(', ') || 'none'}`,
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

async function throttleNow(backends: Backends, identity: string) {
  try {
    const throttle = await backends.live.throttleOf(identityOf(identity))
    if (!throttle || throttle.until <= backends.nowMs()) return { state: 'none' as const }
    const { until, rule, actor } = throttle
    return { state: 'in_force' as const, until: isoTime(until), rule, actor }
  } catch (error) {
    // The incident itself comes from elsewhere.
    if (error instanceof ToolError) return { state: 'unknown' as const }
    throw error
  }
}
