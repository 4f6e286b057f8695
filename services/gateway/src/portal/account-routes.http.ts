import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import {
  type Account,
  changePassword,
  endSession,
  type FailedLogins,
  type LiveSession,
  logIn,
  register,
} from '../accounts/index.ts'
import {
  bodyReader,
  CHANGING,
  documented,
  EMPTY,
  Expires,
  json,
  LoggedIn,
  Me,
  READING,
  Registered,
  RegistrationInfo,
  send,
  sendError,
  TAKING,
} from '../http/index.ts'
import {
  eventAddressOf,
  giveCookie,
  giveDeviceCookie,
  shownAddress,
  takeCookie,
  type VisitorDeps,
  visitOf,
  visitorOf,
} from './visitor.ts'

export interface AccountRouteDeps extends VisitorDeps {
  /** A registration is not answered before: whether a row was written takes less than what is left of it. */
  readonly registrationMs: number
}

const Text = Type.String({ maxLength: 4_096 })
const readCredentials = bodyReader(
  Type.Object({ email: Text, password: Text }, { additionalProperties: false }),
)
const readRegistration = bodyReader(
  Type.Object(
    { email: Text, password: Text, invitation: Type.Optional(Type.String({ maxLength: 64 })) },
    { additionalProperties: false },
  ),
)
const readPasswords = bodyReader(Type.Object({ current: Text, new: Text }, { additionalProperties: false }))

const tag = 'portal'
const REGISTER = documented({
  summary: 'Register',
  description:
    'Status, body and time are the same whether the address had an account or not. Without `invitation` only where ' +
    '`GET /portal/registration` says so.',
  tag,
  open: true,
  body: json(readRegistration.schema),
  answers: { 201: json(Registered) },
  faults: [
    ...CHANGING,
    ...TAKING,
    'invalid_email',
    'weak_password',
    'registration_closed',
    'invalid_invitation',
    'too_many_attempts',
    'busy',
  ],
})
const MODE = documented({
  summary: 'Who may register',
  tag,
  open: true,
  answers: { 200: json(RegistrationInfo) },
  faults: ['internal', 'unavailable'],
})
const LOG_IN = documented({
  summary: 'Log in: sets the session cookie',
  tag,
  open: true,
  body: json(readCredentials.schema),
  answers: { 200: json(LoggedIn) },
  faults: [
    ...CHANGING,
    ...TAKING,
    'invalid_email',
    'wrong_credentials',
    'account_disabled',
    'too_many_attempts',
    'busy',
  ],
})
const LOG_OUT = documented({
  summary: 'End this session',
  tag,
  open: true,
  answers: { 204: EMPTY },
  faults: CHANGING,
})
const ME = documented({ summary: 'Who is logged in', tag, answers: { 200: json(Me) }, faults: READING })
const PASSWORD = documented({
  summary: 'Change the password; every other session ends',
  tag,
  body: json(readPasswords.schema),
  answers: { 200: json(Expires) },
  faults: [
    ...READING,
    ...CHANGING,
    ...TAKING,
    'wrong_credentials',
    'weak_password',
    'too_many_attempts',
    'busy',
  ],
})

/** Registration, login, logout, and what one may know and change of oneself. */
export function routeAccounts(scope: FastifyInstance, deps: AccountRouteDeps): void {
  scope.post('/register', REGISTER, async (request, reply) => {
    const startedMs = performance.now()
    const read = readRegistration(request.body)
    if (!read.ok) return sendError(reply, read.fault)
    const { email, password, invitation } = read.value
    const address = deps.addressOf(request)
    const eventAddress = deps.eventAddress(address)
    const outcome = await register(deps, { email, password, invitation, address, eventAddress })
    if (outcome.ok) await sleep(Math.max(0, deps.registrationMs - (performance.now() - startedMs)))
    return send(reply, 201, outcome, ({ email }) => ({
      email,
      message: 'If this address had no account yet, it has one now. Log in with your password.',
    }))
  })

  scope.get('/registration', MODE, async (_request, reply) => {
    const mode = await deps.registrationMode()
    return reply.send({ mode: mode.kind, ...(mode.kind === 'domain' ? { domain: mode.domain } : {}) })
  })

  scope.post('/login', LOG_IN, async (request, reply) => {
    const read = readCredentials(request.body)
    if (!read.ok) return sendError(reply, read.fault)
    // A new login ends the session that the browser had (ASVS 7.2.4).
    const before = await visitorOf(deps, request)
    const outcome = await logIn(deps, read.value, visitOf(deps, request))
    if (!outcome.ok) return sendError(reply, outcome.fault)
    const { user, session, deviceCookie, failedLogins } = outcome.value
    if (before.ok) {
      const { userId, id: sessionId } = before.value
      await endSession(deps, { userId, sessionId, address: eventAddressOf(deps, request) })
    }
    giveCookie(reply, session, deps.sessions.ttlSeconds)
    giveDeviceCookie(reply, deviceCookie, deps.devices.maxAgeSeconds)
    return reply.send({
      user: userView(user),
      expiresAt: session.expiresAt,
      failedLogins: failedLogins && (await failuresView(deps, failedLogins)),
    })
  })

  scope.post('/logout', LOG_OUT, async (request, reply) => {
    const visitor = await visitorOf(deps, request)
    if (visitor.ok) {
      const { userId, id: sessionId } = visitor.value
      await endSession(deps, { userId, sessionId, address: eventAddressOf(deps, request) })
    }
    takeCookie(reply)
    return reply.code(204).send()
  })

  scope.get('/me', ME, async (request, reply) => send(reply, 200, await visitorOf(deps, request), meView))

  scope.post('/password', PASSWORD, async (request, reply) => {
    const visitor = await visitorOf(deps, request)
    if (!visitor.ok) return sendError(reply, visitor.fault)
    const read = readPasswords(request.body)
    if (!read.ok) return sendError(reply, read.fault)
    const { current, new: next } = read.value
    const outcome = await changePassword(deps, visitor.value, { current, next }, visitOf(deps, request))
    if (outcome.ok) giveCookie(reply, outcome.value, deps.sessions.ttlSeconds)
    return send(reply, 200, outcome, ({ expiresAt }) => ({ expiresAt }))
  })
}

async function failuresView(deps: VisitorDeps, failed: FailedLogins): Promise<FailedLogins> {
  if (failed.lastAddress === undefined) return failed
  return { ...failed, lastAddress: await shownAddress(deps, failed.lastAddress) }
}

function userView({ id, email, role, tier }: Account): object {
  return { id, email, role, tier }
}

function meView({ userId, email, role, tier, id, expiresAt }: LiveSession): object {
  return { id: userId, email, role, tier, session: { id, expiresAt } }
}
