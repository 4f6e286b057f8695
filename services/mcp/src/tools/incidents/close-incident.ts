import { z } from 'zod'
import { answered, defineTool } from '../../calls/index.ts'
import { isoTime, quoted, timeField } from '../../views/index.ts'
import { findOpenIncident, incidentField } from './incident-order.ts'

export const closeIncident = defineTool({
  name: 'close_incident',
  title: 'Close an incident',
  description:
    'Ends an incident for good, and records who did it and why. A throttle that came with it stays until its end: ' +
    'pardon_identity lifts it. Use it when an incident is dealt with or was none, and a person has agreed; it cannot be ' +
    'opened again. dryRun shows what would be recorded and changes nothing.',
  effect: 'setsRight',
  input: z.strictObject({
    incident: incidentField,
    reason: z.string().trim().min(3).max(1_000).describe('Why; it stands in the log for good.'),
    dryRun: z.boolean().default(false).describe('Only show what would be recorded.'),
  }),
  output: z.object({
    incident: z.string(),
    identity: z.string(),
    closed: z.boolean().describe('False in a dry run.'),
    reason: z.string(),
    actor: z.string(),
    at: timeField,
  }),

  async answer({ incident, reason, dryRun }, backends, { actor, signal }) {
    const found = await findOpenIncident(incident, backends, signal)
    if ('refusal' in found) return found.refusal
    if (!dryRun) await backends.control.close(incident, actor, reason)
    const { identity } = found.open
    const data = { incident, identity, closed: !dryRun, reason, actor, at: isoTime(backends.nowMs()) }
    const did = dryRun ? 'Would record' : 'Recorded'
    return answered(data, `${did}: ${incident} (${identity}) closed by ${actor}. ${quoted(reason)}`)
  },
})
