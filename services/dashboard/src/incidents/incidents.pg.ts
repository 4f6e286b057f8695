import { type Database, getIncident, type Incident, listIncidents } from '@fluxgate/read-model'
import type { IncidentScope, IncidentState, IncidentView } from './answers.ts'
import type { RecentIncidents } from './recent-incidents.ts'

const OPEN_STATES = ['opened', 'reported', 'acknowledged'] as const satisfies readonly IncidentState[]

export interface IncidentList {
  readonly items: IncidentView[]
  readonly next?: string
  /** There are more than are listed. */
  readonly more: boolean
}

/** Newest first, each as the log says it stands now. Open ones come as one page: whoever has more has other troubles. */
export async function listIncidentViews(
  db: Database,
  recent: RecentIncidents,
  scope: IncidentScope,
  { limit, before }: { limit: number; before?: string | undefined },
): Promise<IncidentList> {
  if (scope === 'open') {
    const pages = await Promise.all(
      OPEN_STATES.map(state => listIncidents(db, { state, limit, grownOnly: true })),
    )
    const rows = pages.flatMap(page => page.items.map(viewOf))
    const open = recent.uponAll(rows).filter(each => each.state !== 'closed' && each.joinedInto === null)
    const more = open.length > limit || pages.some(page => page.next !== undefined)
    return { items: open.slice(0, limit), more }
  }
  const filter = { limit, grownOnly: true, ...(before === undefined ? {} : { before }) }
  const page = await listIncidents(db, scope === 'closed' ? { ...filter, state: 'closed' } : filter)
  const rows = page.items.map(viewOf)
  // On later pages there is nothing to add: what the read model does not know yet is newer than all that it knows.
  const current =
    before === undefined ? recent.uponAll(rows) : rows.map(row => recent.upon(row.id, row) ?? row)
  const items = current.filter(
    ({ state, joinedInto }) => joinedInto === null && (scope === 'all' || state === 'closed'),
  )
  return { items, more: page.next !== undefined, ...(page.next === undefined ? {} : { next: page.next }) }
}

export async function findIncidentView(
  db: Database,
  recent: RecentIncidents,
  id: string,
): Promise<IncidentView | undefined> {
  const row = await getIncident(db, id)
  return recent.upon(id, row && viewOf(row))
}

function viewOf({ sequence: _, ...incident }: Incident): IncidentView {
  return incident
}
