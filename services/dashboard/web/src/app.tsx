import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import type { SessionView } from '../../src/core/wire.ts'
import { followLive } from './live/live.ts'
import { matchPath, usePlace } from './live/route.ts'
import { session } from './live/session.ts'
import { useStore } from './live/store.ts'
import { Notices } from './parts/notices.tsx'
import { Shell } from './parts/shell.tsx'
import { Identities } from './views/identities.tsx'
import { Incident } from './views/incident.tsx'
import { Incidents } from './views/incidents.tsx'
import { Keys } from './views/keys.tsx'
import { Login } from './views/login.tsx'
import { Missing } from './views/missing.tsx'
import { Nodes } from './views/nodes.tsx'
import { Overview } from './views/overview.tsx'
import { Playground } from './views/playground.tsx'
import { Policy } from './views/policy.tsx'

interface View {
  readonly path: string
  readonly show: (found: Record<string, string>) => ComponentChildren
}

const OPERATOR_VIEWS: readonly View[] = [
  { path: '/', show: () => <Overview /> },
  { path: '/incidents', show: () => <Incidents /> },
  { path: '/incidents/:id', show: ({ id = '' }) => <Incident key={id} id={id} /> },
  { path: '/identities', show: () => <Identities /> },
  { path: '/nodes', show: () => <Nodes /> },
  { path: '/policy', show: () => <Policy /> },
]

export function App() {
  const state = useStore(session, it => it)
  return (
    <>
      {state.kind === 'unknown' && <div class="splash" />}
      {state.kind === 'away' && (
        <div class="splash" role="status">
          The dashboard cannot be reached. Trying again…
        </div>
      )}
      {state.kind === 'none' && <Login />}
      {state.kind === 'here' && <Inside me={state.session} />}
      <Notices />
    </>
  )
}

function Inside({ me }: { me: SessionView }) {
  const { path } = usePlace()
  const isOperator = me.role === 'operator'
  useEffect(() => (isOperator ? followLive() : undefined), [isOperator])
  return (
    <Shell me={me}>
      <ViewAt path={path} me={me} />
    </Shell>
  )
}

function ViewAt({ path, me }: { path: string; me: SessionView }) {
  const isOperator = me.role === 'operator'
  if (path === '/keys' || (!isOperator && path === '/')) return <Keys me={me} />
  if (path === '/playground') return <Playground me={me} />
  for (const view of isOperator ? OPERATOR_VIEWS : []) {
    const found = matchPath(view.path, path)
    if (found) return <>{view.show(found)}</>
  }
  return <Missing />
}
