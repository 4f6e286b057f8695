import { LoggedOut } from '@fluxgate/contracts'
import { type Account, type AccountRole, type AccountTools, PORTAL } from './accounts.ts'

/** Where somebody comes from, and how a session's token is made for him. */
export interface LoginSession<Session> {
  /** For limits; it is in no event and no table. */
  readonly address: string
  /** The address as events and tables have it. */
  readonly eventAddress: string
  /** The browser's product names, as events and tables have them. */
  readonly agent: string
  /** The browser's device cookie, not checked yet. */
  readonly deviceCookie: string | undefined
  readonly issue: (user: { readonly user: string; readonly role: AccountRole }) => Promise<Session>
}

/** A session's token and its row; the row decides whether it lives. */
export async function beginSession<Session extends { readonly id: string; readonly expiresAt: number }>(
  tools: AccountTools,
  user: Account,
  { eventAddress, agent, issue }: LoginSession<Session>,
): Promise<Session> {
  const session = await issue({ user: user.id, role: user.role })
  await tools.accounts.createSession({
    id: session.id,
    userId: user.id,
    createdAt: tools.epochMs(),
    expiresAt: session.expiresAt,
    address: eventAddress,
    agent,
  })
  return session
}

/** Ends one session of the user; false when there was none. @param address as events have it */
export async function endSession(
  tools: AccountTools,
  { userId, sessionId, address }: { userId: string; sessionId: string; address: string },
): Promise<boolean> {
  const ended = await tools.accounts.endSession(userId, sessionId, tools.epochMs())
  if (ended) reportEnded(tools, userId, sessionId, address)
  return ended
}

/** Ends all sessions of the user; returns how many there were. @param address as events have it */
export async function endAllSessions(tools: AccountTools, userId: string, address: string): Promise<number> {
  const ended = await tools.accounts.endAllSessions(userId, tools.epochMs())
  for (const sessionId of ended) reportEnded(tools, userId, sessionId, address)
  return ended.length
}

function reportEnded(tools: AccountTools, user: string, session: string, address: string): void {
  tools.onSessionEnded?.(session)
  tools.append(tools.make(LoggedOut, { user, key: PORTAL, session, address }))
}
