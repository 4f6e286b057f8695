import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  createKey,
  createUser,
  type Database,
  revokeKey,
  setDisabled,
  setRole,
  setTier,
} from '@fluxgate/read-model'

export const ADMIN_TOKEN = 'an admin token of a test'

/** What the gateway tells of one upstream that is well, and of one whose circuit is open. */
const UPSTREAM = {
  url: 'http://10.0.0.1:11434',
  inFlight: 2,
  maxInFlight: 64,
  weight: 1,
  dialects: ['openai'],
  models: null,
  latencyMs: 41,
  calls: 1_200,
  failures: 0,
  lastError: null,
  opensInMs: 0,
}
const ROUTING = {
  upstreams: [
    { ...UPSTREAM, name: 'ollama-a', healthy: true, circuit: 'closed' },
    {
      ...UPSTREAM,
      name: 'ollama-b',
      healthy: false,
      circuit: 'open',
      opensInMs: 4_000,
      failures: 17,
      lastError: { code: 'ECONNREFUSED', message: 'connection refused', at: Date.now() },
    },
  ],
  waiting: 0,
  retries: 3,
  fallbacks: 1,
  retriesSpared: 0,
  file: null,
}
const TIERS = [
  { name: 'free', capacity: 5_000, refill_rate: 100, source: 'default' },
  { name: 'pro', capacity: 50_000, refill_rate: 1_000, source: 'default' },
]

/** The admin face's part of the gateway's contract, over the same accounts. */
export class FakeAdmin {
  readonly #db: Database
  /** Identity → tokens left, as the gateway would tell. */
  readonly levels: Record<string, number> = {}

  /** Who gave each order. */
  readonly actors: string[] = []

  constructor(db: Database) {
    this.#db = db
  }

  async answer(
    request: IncomingMessage,
    body: Record<string, string>,
  ): Promise<[status: number, body?: object]> {
    if (request.headers.authorization !== `Bearer ${ADMIN_TOKEN}`)
      return error(401, 'A valid admin token is needed.')
    const { method, url = '' } = request
    if (method !== 'GET') this.actors.push(String(request.headers['x-fluxgate-actor']))
    const id = body.user_id ?? ''
    const at = `${method} ${url}`
    if (at === 'GET /admin/upstreams') return [200, ROUTING]
    if (at === 'GET /admin/metrics') return [200, this.levels]
    if (at === 'GET /admin/tiers') return [200, { tiers: TIERS }]
    if (at === 'POST /admin/users') {
      const { tier = 'free', role = 'developer' } = body
      const made = await createUser(this.#db, { id, tier, role: role as 'developer', createdAt: Date.now() })
      return made.ok ? [201, { id }] : error(409, 'There is such a user already.')
    }
    if (at === 'POST /admin/tier') return changed(await setTier(this.#db, id, body.tier ?? ''))
    if (at === 'POST /admin/role') return changed(await setRole(this.#db, id, body.role as 'developer'))
    if (at === 'POST /admin/users/disable') return changed(await setDisabled(this.#db, id, Date.now()))
    if (at === 'POST /admin/users/enable') return changed(await setDisabled(this.#db, id, null))
    if (at === 'POST /admin/keys/generate') return this.#makeKey(id, body.name ?? '')
    const key = /^DELETE \/admin\/keys\/(.+)$/.exec(at)?.[1]
    if (key !== undefined) return this.#revoke(key)
    return error(404, 'Not found.')
  }

  async #makeKey(userId: string, name: string): Promise<[number, object]> {
    const key = `sk_live_${randomBytes(16).toString('hex')}`
    const id = `k_${randomBytes(4).toString('hex')}`
    const shown = { prefix: key.slice(0, 12), last4: key.slice(-4) }
    await createKey(this.#db, { id, userId, hash: randomBytes(32), ...shown, name, createdAt: Date.now() })
    return [201, { key, id }]
  }

  async #revoke(id: string): Promise<[number, object?]> {
    const row = await this.#db
      .selectFrom('api_keys')
      .select('user_id')
      .where('id', '=', id)
      .executeTakeFirst()
    const revoked = row && (await revokeKey(this.#db, row.user_id, id, Date.now()))
    return revoked ? [204] : error(404, 'There is no such live key.')
  }
}

function changed(before: unknown): [number, object] {
  return before === undefined || before === false ? error(404, 'There is no such user.') : [200, {}]
}

function error(status: number, message: string): [number, object] {
  return [status, { error: { code: 'refused', message } }]
}

export async function answerAdmin(
  admin: FakeAdmin,
  request: IncomingMessage,
  reply: ServerResponse,
): Promise<void> {
  let text = ''
  for await (const chunk of request) text += chunk
  const [status, body] = await admin.answer(request, text === '' ? {} : JSON.parse(text))
  reply.writeHead(status, { 'content-type': 'application/json' })
  reply.end(body && JSON.stringify(body))
}
