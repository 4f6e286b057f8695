import { z } from 'zod'
import { answered, defineTool, refusedOrder } from '../../calls/index.ts'
import { incidentField, isoTime, quoted, timeField } from '../../views/index.ts'

const SEE_INCIDENTS = 'get_security_incidents lists the incidents.'

export const acknowledgeIncident = defineTool({
  name: 'acknowledge_incident',
  title: 'Acknowledge an incident',
  description:
    'Says that somebody has seen an incident and looks after it, and records who and with what note. Changes no ' +
    'throttle. Use it when a person takes up an incident, after get_incident; to end one use close_incident. dryRun ' +
    'shows what would be recorded and changes nothing.',
  effect: 'notes',
  order: 'acknowledge_incident',
  input: z.strictObject({
    incident: incidentField,
    note: z.string().trim().min(3).max(1_000).describe('What is known or will be done; it stays in the log.'),
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

  async answer({ incident, note, dryRun }, backends, { actor }) {
    const outcome = await backends.orders.acknowledge(actor, incident, note, { dryRun })
    if (!outcome.ok) return refusedOrder(outcome, SEE_INCIDENTS)
    const { identity } = outcome.value
    const at = isoTime(backends.nowMs())
    const data = { incident, identity, acknowledged: !dryRun, note, actor: actor.name, at }
    const did = dryRun ? 'Would record' : 'Recorded'
    return answered(data, `${did}: ${incident} (${identity}) acknowledged by ${actor.name}. ${quoted(note)}`)
  },
})

export const closeIncident = defineTool({
  name: 'close_incident',
  title: 'Close an incident',
  description:
    'Ends an incident for good, and records who did it and why. A throttle that came with it stays until its end: ' +
    'pardon_identity lifts it. Use it when an incident is dealt with or was none, and a person has agreed; it cannot be ' +
    'opened again. dryRun shows what would be recorded and changes nothing.',
  effect: 'setsRight',
  order: 'close_incident',
  input: z.strictObject({
    incident: incidentField,
    reason: z.string().trim().min(3).max(1_000).describe('The reason; it stays in the log.'),
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

  async answer({ incident, reason, dryRun }, backends, { actor }) {
    const outcome = await backends.orders.close(actor, incident, reason, { dryRun })
    if (!outcome.ok) return refusedOrder(outcome, SEE_INCIDENTS)
    const { identity } = outcome.value
    const data = {
      incident,
      identity,
      closed: !dryRun,
      reason,
      actor: actor.name,
      at: isoTime(backends.nowMs()),
    }
    const did = dryRun ? 'Would record' : 'Recorded'
    return answered(data, `${did}: ${incident} (${identity}) closed by ${actor.name}. ${quoted(reason)}`)
  },
})
