import type { SessionView } from '../../../src/sessions/answers.ts'
import { createStore, get, post, type Result, whenUnauthenticated } from '../data/index.ts'

/** `unknown` until the server has been asked; `away` when it cannot be. */
export type SessionState =
  | { readonly kind: 'unknown' | 'none' | 'away' }
  | { readonly kind: 'here'; readonly session: SessionView }

export const session = createStore<SessionState>({ kind: 'unknown' })

const RETRY_MS = 2_000

whenUnauthenticated(() => session.set({ kind: 'none' }))

/** Asks who is here, again and again while the server cannot be reached. */
export async function loadSession(): Promise<void> {
  const answer = await get<SessionView>('/api/session')
  if (answer.ok) session.set({ kind: 'here', session: answer.value })
  else if (answer.error.status === 401) session.set({ kind: 'none' })
  else {
    if (session.get().kind !== 'here') session.set({ kind: 'away' })
    setTimeout(() => void loadSession(), RETRY_MS)
  }
}

export async function logIn(email: string, password: string): Promise<Result<unknown>> {
  const answer = await post('/portal/login', { email, password })
  if (answer.ok) await loadSession()
  return answer
}

/** Who may register at the gateway. */
export interface Registration {
  readonly mode: 'open' | 'invite' | 'domain' | 'off'
  readonly domain?: string
}

export function readRegistration(): Promise<Result<Registration>> {
  return get<Registration>('/portal/registration')
}

/** The invitation in the link that was followed: `/register#<token>`, which no server sees. */
export function invitationInLink(): string | undefined {
  const token = location.hash.slice(1)
  return location.pathname === '/register' && token !== '' ? token : undefined
}

/** Makes an account and enters it. */
export async function register(
  email: string,
  password: string,
  invitation?: string,
): Promise<Result<unknown>> {
  const body = { email, password, ...(invitation === undefined ? {} : { invitation }) }
  const answer = await post('/portal/register', body)
  if (answer.ok && location.pathname === '/register') history.replaceState(null, '', '/')
  return answer.ok ? logIn(email, password) : answer
}

export async function logOut(): Promise<Result<unknown>> {
  const answer = await post('/portal/logout')
  if (answer.ok) session.set({ kind: 'none' })
  return answer
}
