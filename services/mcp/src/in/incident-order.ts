import { z } from 'zod'
import { type Answer, problem } from '../core/answer.ts'
import type { Desk } from '../core/desk.ts'
import { type IncidentStanding, standingOf } from '../core/incident-standing.ts'

export const incidentField = z
  .string()
  .regex(/^inc_[0-9a-z]{8,40}$/, 'must look like inc_…')
  .describe('Incident id, as get_security_incidents prints it.')

/** An open incident, by its own facts in the log: no order waits for the tables. Else why nothing can be ordered. */
export async function openIncident(
  id: string,
  desk: Desk,
  signal: AbortSignal,
): Promise<{ open: Extract<IncidentStanding, { state: 'open' }> } | { refusal: Answer<never> }> {
  const standing = standingOf(await desk.log.incident(id, signal))
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
