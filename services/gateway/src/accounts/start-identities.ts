import type { NatsLink } from '@fluxgate/nats'
import type { Database } from '@fluxgate/read-model'
import type { Log } from '@fluxgate/runtime'
import { createSessions, LiveSessions, type SessionSettings, type Sessions } from '@fluxgate/session'
import { openAccounts } from './accounts.pg.ts'
import type { Accounts, LiveSession } from './accounts.ts'
import { type OpenKeyDirectory, openKeyDirectory } from './key-directory.pg.ts'
import { watchLogouts } from './logouts.nats.ts'

export interface IdentityTools {
  readonly link: NatsLink
  readonly db: Database
  /** Sign and verify session tokens. */
  readonly keys: Pick<SessionSettings, 'privateKey' | 'publicKeys'>
  readonly epochMs: () => number
  readonly log: Log
}

/** Who may come in: keys, people and their sessions, as Postgres has them and as the log corrects them. */
export interface Identities extends AsyncDisposable {
  readonly directory: OpenKeyDirectory
  readonly accounts: Accounts
  readonly sessions: Sessions
  readonly live: LiveSessions<LiveSession>
}

export function openIdentities({ link, db, keys, epochMs, log }: IdentityTools): Identities {
  const stack = new AsyncDisposableStack()
  const accounts = openAccounts(db)
  const live = new LiveSessions<LiveSession>({ find: id => accounts.findLiveSession(id, epochMs()) })
  const sessions = createSessions(keys)
  const directory = stack.use(openKeyDirectory(link, db, epochMs, log))
  stack.use(watchLogouts(link, live))
  return { directory, accounts, sessions, live, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}
