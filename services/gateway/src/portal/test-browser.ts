import { createHash, randomBytes } from 'node:crypto'
import { eventMaker, type FluxgateEvent, parseEvent } from '@fluxgate/contracts'
import { type Database, migrateToLatest, openDatabase } from '@fluxgate/read-model'
import { createSessions, LiveSessions, type Sessions } from '@fluxgate/session'
import {
  createDatabase,
  type PostgresServer,
  SESSION_KEYS,
  startPostgres,
  testPostgres,
} from '@fluxgate/testing'
import Fastify, { type FastifyInstance, type InjectOptions, type LightMyRequestResponse } from 'fastify'
import { monotonicFactory } from 'ulid'
import { openAccounts } from '../accounts/accounts.pg.ts'
import type { Accounts, LiveSession } from '../accounts/accounts.ts'
import { deviceCookies } from '../accounts/device-cookie.ts'
import { DEFAULT_GUARD_LIMITS, LoginGuard } from '../accounts/login-guard.ts'
import { createPasswords } from '../accounts/password-hashes.worker.ts'
import { openPasswordStrength } from '../accounts/password-strength.worker.ts'
import { assertDocumented } from '../http/test-conformity.ts'
import { type PortalDeps, registerPortal } from './portal.http.ts'

export const PASSWORD = 'plum wagon seldom quiet'
export const ORIGIN = 'https://gateway.example'

/** A portal on a real Postgres; what it tells is kept and checked as the log would check it. */
export interface TestPortal extends AsyncDisposable {
  readonly app: FastifyInstance
  readonly db: Database
  readonly accounts: Accounts
  readonly sessions: Sessions
  readonly live: LiveSessions<LiveSession>
  readonly postgres: PostgresServer
  readonly events: FluxgateEvent[]
  readonly logged: unknown[]
  readonly deps: PortalDeps
  /** Another portal on the same accounts. */
  portal(changes?: Partial<PortalDeps>): Promise<FastifyInstance>
}

/** @param ownServer for tests that stop it */
export async function startPortal(
  changes: Partial<PortalDeps> = {},
  { ownServer = false } = {},
): Promise<TestPortal> {
  const stack = new AsyncDisposableStack()
  const postgres = stack.use(await (ownServer ? startPostgres() : testPostgres()))
  const db = stack.use(openDatabase(await createDatabase(postgres), { connectTimeoutMs: 500 }))
  await migrateToLatest(db)
  const accounts = openAccounts(db)
  const sessions = createSessions({ privateKey: SESSION_KEYS.privateKey })
  const live = new LiveSessions<LiveSession>({ find: id => accounts.findLiveSession(id, Date.now()) })
  const events: FluxgateEvent[] = []
  const logged: unknown[] = []
  const strength = stack.use(openPasswordStrength(error => logged.push(error)))
  const deps: PortalDeps = {
    accounts,
    passwords: await createPasswords(),
    strength,
    devices: deviceCookies([SESSION_KEYS.privateKey], randomBytes, Date.now),
    registrationMode: async () => ({ kind: 'open' }),
    addressOf: request => request.ip,
    eventAddress: address => address,
    resolveAddress: async text => text,
    accountHash: email => createHash('md5').update(email).digest('hex'),
    sessions,
    live,
    make: eventMaker('/gateway/test/boot', monotonicFactory(), Date.now),
    append({ event }) {
      const parsed = parseEvent(Buffer.from(JSON.stringify(event)))
      if (!parsed.ok) throw new Error(parsed.reason)
      events.push(parsed.value)
    },
    random: randomBytes,
    epochMs: Date.now,
    onKeyRevoked() {},
    log: { warn: (...line) => logged.push(line), error: (...line) => logged.push(line) },
    registrationMs: 0,
    guard: patientGuard(),
    ...changes,
  }
  const portal = async (more: Partial<PortalDeps> = {}) => {
    const app = Fastify()
    stack.defer(() => app.close())
    await registerPortal(app, { ...deps, ...more })
    return app
  }
  const app = await portal()
  return {
    app,
    db,
    accounts,
    sessions,
    live,
    postgres,
    events,
    logged,
    deps,
    portal,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

/** One that lets a test's own failures pass. */
export function patientGuard(): LoginGuard {
  const patient = { ...DEFAULT_GUARD_LIMITS.pair, freeFailures: 1_000_000 }
  return new LoginGuard({ ...DEFAULT_GUARD_LIMITS, pair: patient, account: patient, address: patient })
}

/** A browser with its cookies, on a page of the gateway's own. */
export class Browser {
  readonly #app: FastifyInstance
  readonly #headers: Record<string, string>
  readonly #address: string
  cookie: string | undefined
  /** The device cookie. */
  device: string | undefined

  constructor(app: FastifyInstance, headers: Record<string, string> = {}, address = '127.0.0.1') {
    this.#app = app
    this.#headers = headers
    this.#address = address
  }

  async send(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: object,
  ): Promise<LightMyRequestResponse> {
    const cookies = [
      ...(this.cookie === undefined ? [] : [`__Host-fluxgate=${this.cookie}`]),
      ...(this.device === undefined ? [] : [`__Host-fluxgate-device=${this.device}`]),
    ]
    const options: InjectOptions = {
      method,
      url: `/portal${path}`,
      remoteAddress: this.#address,
      headers: {
        host: 'gateway.example',
        'sec-fetch-site': 'same-origin',
        'user-agent': 'a browser',
        ...this.#headers,
        ...(cookies.length === 0 ? {} : { cookie: cookies.join('; ') }),
      },
      ...(body === undefined ? {} : { payload: body }),
    }
    const answer = await this.#app.inject(options)
    await assertDocumented('public', method, `/portal${path}`, {
      status: answer.statusCode,
      body: answer.body,
    })
    const set = answer.cookies.find(cookie => cookie.name === '__Host-fluxgate')
    if (set) this.cookie = set.value === '' ? undefined : set.value
    this.device =
      answer.cookies.find(cookie => cookie.name === '__Host-fluxgate-device')?.value ?? this.device
    return answer
  }

  get = (path: string) => this.send('GET', path)
  post = (path: string, body?: object) => this.send('POST', path, body)
  delete = (path: string) => this.send('DELETE', path)
  register = (email: string, password = PASSWORD, invitation?: string) =>
    this.post('/register', { email, password, ...(invitation === undefined ? {} : { invitation }) })
  logIn = (email: string, password = PASSWORD) => this.post('/login', { email, password })
}

let people = 0

/** Somebody new, with an account and logged in. */
export async function person(
  portal: Pick<TestPortal, 'app'>,
): Promise<{ browser: Browser; email: string; id: string }> {
  const email = `person${++people}@example.com`
  const browser = new Browser(portal.app)
  await browser.register(email)
  const answer = await browser.logIn(email)
  if (answer.statusCode !== 200) throw new Error(answer.body)
  return { browser, email, id: answer.json<{ user: { id: string } }>().user.id }
}
