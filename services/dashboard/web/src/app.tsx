import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import type { SessionView } from '../../src/sessions/answers.ts'
import { useStore } from './data/index.ts'
import { Notices } from './dialogs/index.ts'
import { Identities, IdentityPage } from './identities/index.ts'
import { Incident, Incidents } from './incidents/index.ts'
import { Keys } from './keys/index.ts'
import { Missing } from './layout/index.ts'
import { followLive } from './live/index.ts'
import { Overview } from './overview/index.ts'
import { Playground } from './playground/index.ts'
import { Policy } from './policy/index.ts'
import { matchPath, useRoute } from './router/index.ts'
import { Login, Sessions, session } from './session/index.ts'
import { lazy, Shell } from './shell/index.ts'
import { DeadLetters, System } from './system/index.ts'
import { Usage } from './usage/index.ts'
import { User, Users } from './users/index.ts'

/** For those who look into the log, and not a part of the first load. */
const Forensics = lazy(async () => (await import('./forensics/index.ts')).Forensics)

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
  const { path } = useRoute()
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
