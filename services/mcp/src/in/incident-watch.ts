import type { Incident } from '@fluxgate/read-model'
import type { InMemoryServerEventBus } from '@modelcontextprotocol/server'
import type { Desk } from '../core/desk.ts'
import { incidentUri } from './resources.ts'

/** Incidents whose changes are told: the newest. */
const WATCHED = 100

/**
 * Tells who listens when an incident opens or changes. It looks at the tables and not at the log, so that whoever reads
 * upon the news finds what it is about.
 */
export function watchIncidents(desk: Desk, bus: InMemoryServerEventBus, everyMs: number): Disposable {
  let known: ReadonlyMap<string, string> | undefined
  let isLooking = false

  async function look(): Promise<void> {
    // Without listeners there is nobody to have missed it.
    if (bus.listenerCount === 0) {
      known = undefined
      return
    }
    const { items } = await desk.tables.incidents({ limit: WATCHED })
    const now = new Map(items.map(incident => [incident.id, faceOf(incident)]))
    const before = known
    known = now
    if (!before) return
    for (const [id, face] of now) {
      if (before.has(id) && before.get(id) !== face)
        bus.publish({ kind: 'resource_updated', uri: incidentUri(id) })
    }
    if ([...now.keys()].some(id => !before.has(id))) bus.publish({ kind: 'resources_list_changed' })
  }

  const timer = setInterval(() => {
    if (isLooking) return
    isLooking = true
    // Postgres may be away: the next look sees what has changed meanwhile.
    look()
      .catch(() => {})
      .finally(() => {
        isLooking = false
      })
  }, everyMs).unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

/** What of an incident can change. */
function faceOf(incident: Incident): string {
  const { state, report, reportSource, note, findings, joinedInto, until } = incident
  return JSON.stringify([state, report, reportSource, note, findings, joinedInto, until])
}
