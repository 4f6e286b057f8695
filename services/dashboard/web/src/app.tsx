import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import type { SessionView } from '../../src/core/wire.ts'
import { followLive } from './live/live.ts'
import { matchPath, usePlace } from './live/route.ts'
import { session } from './live/session.ts'
import { useStore } from './live/store.ts'
import { lazy } from './parts/lazy.tsx'
import { Notices } from './parts/notices.tsx'
import { Shell } from './parts/shell.tsx'
import { DeadLetters } from './views/dead-letters.tsx'
import { Identities } from './views/identities.tsx'
import { IdentityPage } from './views/identity.tsx'
import { Incident } from './views/incident.tsx'
import { Incidents } from './views/incidents.tsx'
import { Keys } from './views/keys.tsx'
import { Login } from './views/login.tsx'
import { Missing } from './views/missing.tsx'
import { Overview } from './views/overview.tsx'
import { Playground } from './views/playground.tsx'
import { Policy } from './views/policy.tsx'
import { Sessions } from './views/sessions.tsx'
import { System } from './views/system.tsx'
import { Usage } from './views/usage.tsx'
import { User } from './views/user.tsx'
import { Users } from './views/users.tsx'

/** For those who look into the log, and not a part of the first load. */
const Forensics = lazy(async () => (await import('./views/forensics/forensics.tsx')).Forensics)

interface View {
  readonly path: string
  readonly show: (found: Record<string, string>, me: SessionView) => ComponentChildren
}

const OPERATOR_VIEWS: readonly View[] = [
  { path: '/', show: () => <Overview /> },
  { path: '/incidents', show: () => <Incidents /> },
  { path: '/incidents/:id', show: ({ id = '' }) => <Incident key={id} id={id} /> },
  { path: '/identities', show: () => <Identities /> },
  {
    path: '/identities/:identity',
    show: ({ identity = '' }) => <IdentityPage key={identity} identity={identity} />,
  },
  { path: '/system', show: () => <System /> },
  { path: '/system/dead-letters', show: () => <DeadLetters /> },
  { path: '/users', show: () => <Users /> },
  { path: '/users/:id', show: ({ id = '' }, me) => <User key={id} id={id} me={me.user} /> },
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
  if (path === '/usage') return <Usage me={me} />
  if (path === '/sessions') return <Sessions />
  if (isOperator && /^\/forensics(\/|$)/.test(path)) return <Forensics path={path} />
  for (const view of isOperator ? OPERATOR_VIEWS : []) {
    const found = matchPath(view.path, path)
    if (found) return <>{view.show(found, me)}</>
  }
  return <Missing />
}
