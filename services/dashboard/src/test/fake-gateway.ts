import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  createSession,
  createUser,
  type Database,
  endAllSessions,
  endSession,
  findUserByEmail,
  listSessions,
} from '@fluxgate/read-model'
import {
  createSessions,
  DEVICE_COOKIE,
  type PortalSession,
  SESSION_COOKIE,
  type Sessions,
} from '@fluxgate/session'
import { answerAdmin, FakeAdmin } from './fake-admin.ts'

/** Requests as they came over the border, for tests of what crosses it. */
export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
}

export interface FakeGateway extends AsyncDisposable {
  readonly url: string
  readonly seen: SeenRequest[]
  readonly model: FakeModel
  readonly admin: FakeAdmin
  /** Who may register; with `invite` the token `good-token` is an invitation. */
  registration: 'open' | 'invite' | 'off'
}

interface Key {
  readonly id: string
  readonly name: string
  readonly prefix: string
  readonly last4: string
  readonly createdAt: number
  readonly expiresAt: null
  revokedAt: number | null
  readonly lastUsedAt: null
}

/** The portal's part of the gateway's contract, over the same sessions and accounts; every password is `correct horse`. */
export async function startFakeGateway(
  db: Database,
  privateKey: string,
  onLogout: (user: string, session: string) => void,
): Promise<FakeGateway> {
  const seen: SeenRequest[] = []
  const changeKeys = keyRoutes()
  const accounts = new FakeAccounts(db, createSessions({ privateKey }), onLogout)
  const model = new FakeModel()
  const admin = new FakeAdmin(db)
  const server = createServer((request, reply) => {
    const { method = '', url = '', headers } = request
    seen.push({ method, path: url, headers })
    if (url === '/portal/login') void accounts.logIn(request, reply)
    else if (url === '/portal/register') void accounts.register(request, reply)
    else if (url === '/portal/registration') answer(reply, 200, { mode: accounts.registration })
    else if (url === '/portal/logout') void accounts.logOut(request, reply)
    else if (url === '/portal/sessions') void accounts.listOwn(request, reply)
    else if (url === '/portal/logout-everywhere') void accounts.logOutEverywhere(request, reply)
    else if (url.startsWith('/portal/keys')) void changeKeys(request, reply)
    else if (url.startsWith('/admin/')) void answerAdmin(admin, request, reply)
    else if (url === '/v1/models') answer(reply, 200, { object: 'list', data: MODELS })
    else if (url === '/v1/chat/completions') void model.chat(request, reply)
    else answer(reply, 404, { error: { code: 'not_found', message: 'Not found.' } })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    model,
    admin,
    get registration() {
      return accounts.registration
    },
    set registration(mode) {
      accounts.registration = mode
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(done => server.close(done))
    },
  }
}

/** Logs people in and out, and lists their sessions, as the portal does. */
class FakeAccounts {
  registration: FakeGateway['registration'] = 'open'
  readonly #db: Database
  readonly #sessions: Sessions
  readonly #onLogout: (user: string, session: string) => void

  constructor(db: Database, sessions: Sessions, onLogout: (user: string, session: string) => void) {
    this.#db = db
    this.#sessions = sessions
    this.#onLogout = onLogout
  }

  async logIn(request: IncomingMessage, reply: ServerResponse): Promise<void> {
    const { email, password } = (await bodyOf(request)) as { email: string; password: string }
    const user = await findUserByEmail(this.#db, email)
    if (!user || password !== 'correct horse') {
      return answer(reply, 401, {
        error: { code: 'wrong_credentials', message: 'Wrong e-mail or password.' },
      })
    }
    const { id, role } = user
    const issued = await this.#sessions.issue({ id: randomBytes(16).toString('hex'), user: id, role })
    const { id: session, expiresAt } = issued
    await createSession(this.#db, {
      id: session,
      userId: id,
      createdAt: Date.now(),
      expiresAt,
      address: '127.0.0.1',
      agent: 'test',
    })
    reply.setHeader('set-cookie', [
      `${SESSION_COOKIE}=${issued.token}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=3600`,
      `${DEVICE_COOKIE}=of.a.laptop; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=3600`,
      'other=1; Path=/',
    ])
    answer(reply, 200, { user: id, role })
  }

  async register(request: IncomingMessage, reply: ServerResponse): Promise<void> {
    const { email, invitation } = (await bodyOf(request)) as { email: string; invitation?: string }
    if (this.registration !== 'open' && invitation !== 'good-token') {
      const code = 'registration_closed'
      return answer(reply, 403, { error: { code, message: 'Registration is by invitation here.' } })
    }
    await createUser(this.#db, {
      id: `u_${randomBytes(4).toString('hex')}`,
      email,
      role: 'developer',
      createdAt: Date.now(),
    })
    answer(reply, 201, { email })
  }

  async listOwn(request: IncomingMessage, reply: ServerResponse): Promise<void> {
    const mine = await this.#sessionOf(request)
    if (!mine) return answer(reply, 401, { error: { code: 'unauthenticated', message: 'Log in first.' } })
    const found = await listSessions(this.#db, mine.user, Date.now())
    answer(reply, 200, {
      sessions: found.map(({ id, createdAt, expiresAt, address, agent }) => {
        return { id, createdAt, expiresAt, address, agent, current: id === mine.id }
      }),
    })
  }

  async logOutEverywhere(request: IncomingMessage, reply: ServerResponse): Promise<void> {
    const mine = await this.#sessionOf(request)
    const ended = mine ? await endAllSessions(this.#db, mine.user, Date.now()) : []
    for (const session of ended) this.#onLogout(mine!.user, session)
    reply.setHeader('set-cookie', `${SESSION_COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0`)
    answer(reply, 200, { ended: ended.length })
  }

  async logOut(request: IncomingMessage, reply: ServerResponse): Promise<void> {
    const mine = await this.#sessionOf(request)
    if (mine) {
      await endSession(this.#db, mine.id, Date.now())
      this.#onLogout(mine.user, mine.id)
    }
    reply.setHeader('set-cookie', `${SESSION_COOKIE}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0`)
    answer(reply, 204)
  }

  async #sessionOf(request: IncomingMessage): Promise<PortalSession | undefined> {
    const token = new RegExp(`${SESSION_COOKIE}=([^;]+)`).exec(request.headers.cookie ?? '')?.[1]
    const check = token === undefined ? undefined : await this.#sessions.verify(token)
    return check?.ok ? check.session : undefined
  }
}

const MODELS = [
  { id: 'sim-small', object: 'model' },
  { id: 'sim-large', object: 'model' },
]
const PIECE_MS = 5

/** Chats as the gateway streams them: so many pieces, then the usage. */
export class FakeModel {
  pieces = 3
  /** Calls whose client left before the end. */
  left = 0
  readonly asked: unknown[] = []

  async chat(request: IncomingMessage, reply: ServerResponse): Promise<void> {
    this.asked.push(await bodyOf(request))
    reply.on('close', () => {
      if (!reply.writableEnded) this.left++
    })
    const headers = { 'content-type': 'text/event-stream', 'x-request-id': 'req_stand_in' }
    reply.writeHead(200, {
      ...headers,
      'x-ratelimit-remaining-tokens': '4711',
      'x-secret': 'of the upstream',
    })
    const say = (data: object) => reply.write(`data: ${JSON.stringify(data)}\n\n`)
    for (let i = 0; i < this.pieces && !reply.destroyed; i++) {
      say({ choices: [{ index: 0, delta: { content: `piece ${i} ` } }] })
      await sleep(PIECE_MS)
    }
    say({ choices: [], usage: { prompt_tokens: 12, completion_tokens: this.pieces } })
    reply.end('data: [DONE]\n\n')
  }
}

/** The keys that were made here, of whoever asks. */
function keyRoutes(): (request: IncomingMessage, reply: ServerResponse) => Promise<void> {
  const keys: Key[] = []
  return async (request, reply) => {
    if (request.method === 'GET') return answer(reply, 200, { keys })
    if (request.method === 'DELETE') {
      const key = keys.find(each => request.url?.endsWith(each.id))
      if (key) key.revokedAt = Date.now()
      return answer(reply, 204)
    }
    const { name } = (await bodyOf(request)) as { name: string }
    const secretKey = `sk_live_${randomBytes(16).toString('hex')}`
    const shown = { prefix: secretKey.slice(0, 12), last4: secretKey.slice(-4) }
    const times = { createdAt: Date.now(), expiresAt: null, revokedAt: null, lastUsedAt: null }
    keys.unshift({ id: `k_${keys.length}`, name, ...shown, ...times })
    answer(reply, 201, { ...keys[0], key: secretKey })
  }
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let text = ''
  for await (const chunk of request) text += chunk
  return JSON.parse(text)
}

function answer(reply: ServerResponse, status: number, body?: object): void {
  reply.writeHead(status, { 'content-type': 'application/json' })
  reply.end(body && JSON.stringify(body))
}
