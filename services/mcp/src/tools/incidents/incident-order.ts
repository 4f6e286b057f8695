import { z } from 'zod'
import type { Backends } from '../../backends/index.ts'
import { problem, type ToolAnswer } from '../../calls/index.ts'
import { type IncidentStatus, statusOf } from './incident-standing.ts'

export const incidentField = z
  .string()
  .regex(/^inc_[0-9a-z]{8,40}$/, 'must look like inc_…')
  .describe('Incident id, as get_security_incidents prints it.')

/** An open incident, by its own facts in the log: no order waits for the tables. Else why nothing can be ordered. */
export async function findOpenIncident(
  id: string,
  backends: Backends,
  signal: AbortSignal,
): Promise<{ open: Extract<IncidentStatus, { state: 'open' }> } | { refusal: ToolAnswer<never> }> {
  const standing = statusOf(await backends.log.incident(id, signal))
  switch (standing.state) {
    case 'open':
      return { open: standing }
    case 'unknown':
      return { refusal: problem(`There is no incident ${id}. get_security_incidents lists those there are.`) }
    case 'joined':
      return { refusal: problem(`${id} has become part of ${standing.into}: order it about that one.`) }
    case 'closed':
      return {
        refusal: problem(
          `${id} was closed by ${standing.by} at ${standing.at}; that is final. Nothing was changed.`,
        ),
      }
  }
}
