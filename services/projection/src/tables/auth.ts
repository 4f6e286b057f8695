import type { LogEvent } from '@fluxgate/contracts'
import { timeOf } from './log.ts'
import { cleanJson, cleanName, cleanText } from './text.ts'

export interface AuthRow {
  readonly id: string
  readonly sequence: number
  readonly atMs: number
  readonly fact: string
  readonly user: string
  readonly key: string
  readonly actor: string | null
  readonly address: string | null
  readonly account: string | null
  readonly reason: string | null
  /** JSON of what is left of the data. */
  readonly detail: string
}

const PREFIX = 'fluxgate.auth.'

export function foldAuth(entries: Iterable<LogEvent>): AuthRow[] {
  const rows = new Map<string, AuthRow>()
  for (const entry of entries) {
    const { event, sequence } = entry
    if (!event.type.startsWith(PREFIX) || rows.has(event.id)) continue
    const { user, key, actor, address, account, reason, ...detail } = event.data as AuthData
    rows.set(event.id, {
      id: event.id,
      sequence,
      atMs: timeOf(entry),
      fact: event.type.slice(PREFIX.length),
      user,
      key,
      actor: actor === undefined ? null : cleanText(actor),
      address: address === undefined ? null : cleanName(address),
      account: account ?? null,
      reason: reason === undefined ? null : cleanText(reason),
      detail: cleanJson(detail),
    })
  }
  return [...rows.values()]
}

/** What the facts of the stream share, where they have it. */
interface AuthData {
  readonly user: string
  readonly key: string
  readonly actor?: string
  readonly address?: string
  readonly account?: string
  readonly reason?: string
}
