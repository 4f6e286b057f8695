import { type EventNamed, identityText, type LogEvent } from '@fluxgate/contracts'
import { epochMs, timeOf } from './log.ts'
import { cleanText } from './text.ts'

/** Times are epoch milliseconds. */
export interface ThrottleRow {
  /** Event id of `throttles.imposed`. */
  readonly id: string
  readonly user: string
  readonly key: string
  readonly state: 'active' | 'replaced' | 'pardoned' | 'expired'
  readonly capacity: number
  readonly refillRate: number
  readonly rule: string
  readonly reason: string
  readonly actor: string
  readonly endStreams: boolean
  readonly incident: string | null
  readonly imposedAtMs: number
  readonly untilMs: number
  readonly endedAtMs: number | null
  readonly endedBy: string | null
  readonly endReason: string | null
  readonly sequence: number
}

export type ThrottleEvent = EventNamed<'throttles.imposed' | 'throttles.pardoned' | 'throttles.expired'>

export function throttleOf(entry: LogEvent): ThrottleEvent | undefined {
  switch (entry.event.type) {
    case 'fluxgate.throttles.imposed':
    case 'fluxgate.throttles.pardoned':
    case 'fluxgate.throttles.expired':
      return entry.event
    default:
      return undefined
  }
}

/**
 * @param known stored rows of these identities that are active, and those whose ids are told again
 * @returns the rows that changed or are new
 */
export function foldThrottles(entries: Iterable<LogEvent>, known: readonly ThrottleRow[]): ThrottleRow[] {
  const rows = new Map(known.map(row => [row.id, row]))
  const active = new Map(known.filter(row => row.state === 'active').map(row => [identityText(row), row.id]))
  const changed = new Set<string>()
  const finish = (identity: string, ending: Partial<ThrottleRow>) => {
    const id = active.get(identity)
    if (id === undefined) return
    rows.set(id, { ...rows.get(id)!, ...ending })
    active.delete(identity)
    changed.add(id)
  }
  for (const entry of entries) {
    const event = throttleOf(entry)
    if (!event) continue
    const identity = identityText(event.data)
    const endedAtMs = timeOf(entry)
    if (event.type === 'fluxgate.throttles.imposed') {
      if (rows.has(event.id)) continue
      finish(identity, {
        state: 'replaced',
        endedAtMs,
        endedBy: cleanText(event.data.actor),
        endReason: `replaced by ${event.id}`,
      })
      rows.set(event.id, imposedRow(entry, event))
      active.set(identity, event.id)
      changed.add(event.id)
    } else if (event.type === 'fluxgate.throttles.pardoned') {
      const { actor, reason } = event.data
      finish(identity, {
        state: 'pardoned',
        endedAtMs,
        endedBy: cleanText(actor),
        endReason: cleanText(reason),
      })
    } else {
      // The end of an earlier throttle says nothing about one that was imposed for longer since.
      const id = active.get(identity)
      if (id !== undefined && rows.get(id)!.untilMs <= event.data.until) {
        finish(identity, { state: 'expired', endedAtMs })
      }
    }
  }
  return [...changed].map(id => rows.get(id)!)
}

function imposedRow(entry: LogEvent, { id, data }: EventNamed<'throttles.imposed'>): ThrottleRow {
  return {
    id,
    user: data.user,
    key: data.key,
    state: 'active',
    capacity: data.capacity,
    refillRate: data.refillRate,
    rule: cleanText(data.rule),
    reason: cleanText(data.reason),
    actor: cleanText(data.actor),
    endStreams: data.endStreams ?? false,
    incident: data.incident ?? null,
    imposedAtMs: timeOf(entry),
    untilMs: epochMs(data.until),
    endedAtMs: null,
    endedBy: null,
    endReason: null,
    sequence: entry.sequence,
  }
}
