import type { Incident } from '@fluxgate/read-model'
import type { ServerEventBus } from '@modelcontextprotocol/server'
import type { Backends } from '../backends/index.ts'
import { incidentUri } from './resources.ts'

/** Open incidents whose changes are told: the newest. */
const WATCHED = 500

/**
 * Tells who listens when an incident opens, changes or is closed. It looks at the tables and not at the log, so that
 * whoever reads upon the news finds what it is about; and always, so that who begins to listen misses nothing.
 */
export function watchIncidents(backends: Backends, bus: ServerEventBus, everyMs: number): Disposable {
  let known: ReadonlyMap<string, string> = new Map()
  let isLooking = false

  async function look(): Promise<void> {
    const { items } = await backends.tables.incidents({ openOnly: true, limit: WATCHED })
    const now = new Map(items.map(incident => [incident.id, summaryOf(incident)]))
    const before = known
    known = now
    // One that is open no more has been closed; one that is new here may have changed since somebody has read it.
    for (const id of new Set([...before.keys(), ...now.keys()])) {
      if (now.get(id) !== before.get(id)) bus.publish({ kind: 'resource_updated', uri: incidentUri(id) })
    }
    const opened = [...now.keys()].some(id => !before.has(id))
    const closed = [...before.keys()].some(id => !now.has(id))
    if (opened || closed) bus.publish({ kind: 'resources_list_changed' })
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
function summaryOf(incident: Incident): string {
  const { state, report, reportSource, note, findings, joinedInto, until } = incident
  return JSON.stringify([state, report, reportSource, note, findings, joinedInto, until])
}
