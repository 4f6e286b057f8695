import { identityText, parseIdentity, STREAMS } from '@fluxgate/contracts'
import { type NatsLink, replay } from '@fluxgate/nats'
import type { Database } from '@fluxgate/read-model'
import { namesOf } from '../accounts/index.ts'
import type { ShadowedView, ShadowPage } from './answers.ts'

export interface ShadowScope {
  readonly sinceMs: number
  readonly maxRows: number
}

/** What the shadow policy would have done, out of the log, beside what the one in force did. */
export async function shadowPage(
  link: NatsLink,
  db: Database,
  { sinceMs, maxRows }: ShadowScope,
): Promise<ShadowPage> {
  const found: Omit<ShadowedView, 'incident'>[] = []
  const wouldBe = new Map<string, string>()
  let dropped = false
  const filter = 'fluxgate.throttles.*.shadowed.>'
  for await (const { events } of replay(link, {
    stream: STREAMS.throttles,
    filter,
    from: { timeMs: sinceMs },
  })) {
    for (const { event } of events) {
      if (event.type !== 'fluxgate.throttles.shadowed') continue
      const { user, key, rule, severity, explanation, action, until, incident } = event.data
      wouldBe.set(event.id, incident)
      found.push({
        id: event.id,
        at: Date.parse(event.time),
        identity: identityText({ user, key }),
        rule,
        severity,
        explanation,
        action,
        until,
      })
      if (found.length <= maxRows) continue
      dropped = true
      wouldBe.delete(found.shift()!.id)
    }
  }
  const opened = await openedOf(db, [...wouldBe.values()])
  const items = found.reverse().map((each): ShadowedView => {
    const incident = wouldBe.get(each.id)
    return { ...each, incident: incident !== undefined && opened.has(incident) ? incident : null }
  })
  const owners = items.flatMap(({ identity }) => {
    const owner = parseIdentity(identity)
    return owner ? [{ userId: owner.user, keyId: owner.key }] : []
  })
  return { items, more: dropped, sinceMs, names: await namesOf(db, owners) }
}

/** Ids of incidents are made from the rule, the identity and the event: the same finding has the same id under both. */
async function openedOf(db: Database, ids: readonly string[]): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set()
  const rows = await db.selectFrom('incidents').select('id').where('id', 'in', ids).execute()
  return new Set(rows.map(({ id }) => id))
}
