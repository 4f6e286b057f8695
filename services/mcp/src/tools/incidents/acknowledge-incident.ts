import { z } from 'zod'
import { answered, defineTool, problem } from '../../calls/index.ts'
import { isoTime, quoted, timeField } from '../../views/index.ts'
import { findOpenIncident, incidentField } from './incident-order.ts'

export const acknowledgeIncident = defineTool({
  name: 'acknowledge_incident',
  title: 'Acknowledge an incident',
  description:
    'Says that somebody has seen an incident and looks after it, and records who and with what note. Changes no ' +
    'throttle. Use it when a person takes up an incident, after get_incident; to end one use close_incident. dryRun ' +
    'shows what would be recorded and changes nothing.',
  effect: 'notes',
  input: z.strictObject({
    incident: incidentField,
    note: z
      .string()
      .trim()
      .min(3)
      .max(1_000)
      .describe('What is known or will be done; it stands in the log for good.'),
    dryRun: z.boolean().default(false).describe('Only show what would be recorded.'),
  }),
  output: z.object({
    incident: z.string(),
    identity: z.string(),
    acknowledged: z.boolean().describe('False in a dry run.'),
    note: z.string(),
    actor: z.string(),
    at: timeField,
  }),

  async answer({ incident, note, dryRun }, backends, { actor, signal }) {
    const found = await findOpenIncident(incident, backends, signal)
    if ('refusal' in found) return found.refusal
    if (found.open.acknowledgedBy !== undefined) {
      return problem(
        `${incident} is acknowledged already, by ${found.open.acknowledgedBy}. Nothing was changed.`,
      )
    }
    if (!dryRun) await backends.control.acknowledge(incident, actor, note)
    const { identity } = found.open
    const data = { incident, identity, acknowledged: !dryRun, note, actor, at: isoTime(backends.nowMs()) }
    const did = dryRun ? 'Would record' : 'Recorded'
    return answered(data, `${did}: ${incident} (${identity}) acknowledged by ${actor}. ${quoted(note)}`)
  },
})
