import { useEffect, useState } from 'preact/hooks'
import type { Names } from '../../../src/accounts/answers.ts'
import type { IncidentPage, IncidentScope, IncidentView } from '../../../src/incidents/answers.ts'
import { get, useResource, useStore } from '../data/index.ts'
import { notify } from '../dialogs/index.ts'
import { Empty, Loaded, PageHead, Panel, Tabs } from '../layout/index.ts'
import { live } from '../live/index.ts'
import { useRoute } from '../router/index.ts'
import { IncidentList } from './incident-list.tsx'

const EVERY_MS = 15_000
const SCOPES: readonly { readonly value: IncidentScope; readonly text: string }[] = [
  { value: 'open', text: 'Open' },
  { value: 'closed', text: 'Closed' },
  { value: 'all', text: 'All' },
]
const EMPTY: Readonly<Record<IncidentScope, string>> = {
  open: 'No open incidents.',
  closed: 'No closed incidents.',
  all: 'No incidents yet.',
}

export function Incidents() {
  const asked = useRoute().query.get('scope')
  const scope = SCOPES.find(each => each.value === asked)?.value ?? 'open'
  const version = useStore(live, it => it.changes)
  const page = useResource<IncidentPage>(`/api/incidents?scope=${scope}`, { everyMs: EVERY_MS, version })
  return (
    <>
      <PageHead title="Incidents">
        <Tabs
          label="Incident state"
          tabs={SCOPES.map(({ value, text }) => ({
            text,
            href: value === 'open' ? '/incidents' : `/incidents?scope=${value}`,
            isHere: value === scope,
          }))}
        />
      </PageHead>
      <Panel title={scope === 'open' ? 'Open, newest first' : 'Newest first'} class="list-panel">
        <Loaded resource={page} rows={6}>
          {first =>
            first.items.length === 0 ? (
              <Empty icon="incidents">{EMPTY[scope]}</Empty>
            ) : (
              <Pages key={scope} scope={scope} first={first} />
            )
          }
        </Loaded>
      </Panel>
    </>
  )
}

interface Older {
  readonly items: readonly IncidentView[]
  readonly names: Names
  readonly next: string | undefined
}

/** The first page stays fresh; older ones are as they were when they were asked for. */
function Pages({ scope, first }: { scope: IncidentScope; first: IncidentPage }) {
  const [older, setOlder] = useState<Older>()
  const [busy, setBusy] = useState(false)
  useEffect(() => setOlder(undefined), [scope])
  const next = older ? older.next : first.next

  async function more(): Promise<void> {
    if (next === undefined) return
    setBusy(true)
    const answer = await get<IncidentPage>(`/api/incidents?scope=${scope}&before=${encodeURIComponent(next)}`)
    setBusy(false)
    if (!answer.ok) return notify('error', answer.error.message)
    const { items, names } = answer.value
    setOlder({
      items: [...(older?.items ?? []), ...items],
      names: merged(older?.names, names),
      next: answer.value.next,
    })
  }

  const seen = new Set(first.items.map(incident => incident.id))
  const items = [...first.items, ...(older?.items ?? []).filter(incident => !seen.has(incident.id))]
  return (
    <>
      <IncidentList items={items} names={merged(older?.names, first.names)} />
      {next !== undefined && (
        <button type="button" class="more" disabled={busy} onClick={() => void more()}>
          {busy ? 'Loading…' : 'Show older'}
        </button>
      )}
    </>
  )
}

function merged(a: Names | undefined, b: Names): Names {
  return { users: { ...a?.users, ...b.users }, keys: { ...a?.keys, ...b.keys } }
}
