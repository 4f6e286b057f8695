import { STREAMS } from '@fluxgate/contracts'
import { z } from 'zod'
import { answered, defineTool } from '../../calls/index.ts'
import {
  asOfField,
  asOfOf,
  cursorField,
  freshnessOf,
  freshnessText,
  INCIDENT_STATES,
  incidentFields,
  incidentOf,
  incidentText,
  limitField,
  nextCursorField,
  userField,
} from '../../views/index.ts'

export const getSecurityIncidents = defineTool({
  name: 'get_security_incidents',
  title: 'Security incidents',
  description:
    'The incidents that the guard has found (abuse such as context flooding), newest first: who, which rule, how ' +
    'severe, whether the identity was throttled, and what the report says. Use it for "what happened", "who was ' +
    'throttled and why", or to find the id for get_incident. Filter by state or user; page with cursor.',
  effect: 'reads',
  input: z.strictObject({
    state: z.enum(INCIDENT_STATES).optional().describe('Only incidents in this state; all by default.'),
    user: userField.optional(),
    limit: limitField(20, 100),
    cursor: cursorField,
  }),
  output: z.object({
    incidents: z.array(z.object(incidentFields)),
    nextCursor: nextCursorField,
    asOf: asOfField,
  }),

  async answer({ state, user, limit, cursor }, backends) {
    const fresh = await freshnessOf(backends, [STREAMS.incidents])
    const { items, next } = await backends.tables.incidents({ state, user, limit, before: cursor })
    const incidents = items.map(incidentOf)
    return answered({ incidents, nextCursor: next, asOf: asOfOf(fresh) }, [
      incidents.length === 0 ? 'No incidents.' : `${incidents.length} incidents, newest first:`,
      ...incidents.map(incident => `- ${incidentText(incident)}`),
      ...(next === undefined ? [] : ['There are more: call again with nextCursor as cursor.']),
      freshnessText(fresh),
    ])
  },
})
