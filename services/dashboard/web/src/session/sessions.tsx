import { useState } from 'preact/hooks'
import { useResource } from '../data/index.ts'
import { Dialog, notify } from '../dialogs/index.ts'
import { Time } from '../format/index.ts'
import { endSession, logOutEverywhere, type OwnSession, SESSIONS_PATH } from '../keys/index.ts'
import { Badge, Loaded, PageHead, Panel } from '../layout/index.ts'
import { loadSession } from './session.ts'

interface SessionList {
  readonly sessions: readonly OwnSession[]
}

/** Where one is logged in, and the ways to end it. */
export function Sessions() {
  const list = useResource<SessionList>(SESSIONS_PATH)
  const [isAsking, setAsking] = useState(false)

  async function end(id: string): Promise<void> {
    const answer = await endSession(id)
    if (!answer.ok) return notify('error', answer.error.message)
    notify('done', 'Session ended.')
    list.reload()
  }

  return (
    <>
      <PageHead title="My sessions">
        <button type="button" class="danger" data-testid="logout-everywhere" onClick={() => setAsking(true)}>
          Log out everywhere
        </button>
      </PageHead>
      <Panel title="Active sessions" class="list-panel">
        <Loaded resource={list}>
          {({ sessions }) => (
            <ul class="rows">
              {sessions.map(session => (
                <SessionRow key={session.id} session={session} onEnd={() => void end(session.id)} />
              ))}
            </ul>
          )}
        </Loaded>
      </Panel>
      {isAsking && <Everywhere onClose={() => setAsking(false)} />}
    </>
  )
}

function SessionRow({ session, onEnd }: { session: OwnSession; onEnd: () => void }) {
  const { address, agent, createdAt, expiresAt, current } = session
  return (
    <li class="row" data-testid="session-row">
      <div class="row-main">
        <p class="row-title">
          {address || 'unknown address'}
          {current && <Badge tone="good">current</Badge>}
        </p>
        <p class="row-note" title={agent}>
          since <Time at={createdAt} /> · until <Time at={expiresAt} /> · {agent}
        </p>
      </div>
      {!current && (
        <button type="button" class="small" onClick={onEnd}>
          End
        </button>
      )}
    </li>
  )
}

function Everywhere({ onClose }: { onClose: () => void }) {
  const [busy, setBusy] = useState(false)

  async function leave(): Promise<void> {
    setBusy(true)
    const answer = await logOutEverywhere()
    setBusy(false)
    if (!answer.ok) return notify('error', answer.error.message)
    await loadSession()
  }

  return (
    <Dialog title="Log out everywhere?" onClose={onClose}>
      <p class="dialog-text">All your sessions end, including this one. API keys stay valid.</p>
      <footer class="dialog-foot">
        <button type="button" onClick={onClose}>
          Cancel
        </button>
        <button
          type="button"
          class="danger"
          data-testid="logout-everywhere-confirm"
          disabled={busy}
          onClick={() => void leave()}
        >
          {busy ? 'One moment…' : 'Log out everywhere'}
        </button>
      </footer>
    </Dialog>
  )
}
