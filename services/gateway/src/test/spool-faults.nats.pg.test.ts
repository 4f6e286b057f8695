import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { connectNats } from '@fluxgate/nats'
import { createLog } from '@fluxgate/runtime'
import { eventually, makeReadOnly, mountSmallDisk, startNatsServer } from '@fluxgate/testing'
import { assertConserved, assertDocumented, readLedger } from './conservation.ts'
import { ADMIN_TOKEN, startGateways, type TestGateways } from './gateways.ts'
import { startModelServer, type TestModelServer } from './model-server.ts'

const MIB = 1024 ** 2
/** The smallest that the gateway takes: segments of 256 KiB. */
const SPOOL_BYTES = 4 * MIB
const CALLERS = 16
/** Far more calls than any of these faults needs to be felt. */
const MAX_CALLS = 60_000
const CHAT = '/v1/chat/completions'
const silent = createLog('test', 'silent')

interface SpoolTestEnv extends AsyncDisposable {
  readonly gateways: TestGateways
  readonly models: TestModelServer
  readonly dataDir: string
  /** Requests whose whole answer a client has seen. */
  readonly answered: Set<string>
  call(path?: string, body?: object): Promise<Response>
  /** Calls from several callers at once until one is refused. */
  callUntilRefused(): Promise<Response>
  /** Begins a stream that the model server holds; resolves to what the client reads when it ends. */
  holdStream(): Promise<() => Promise<string>>
  metric(name: string): Promise<number>
  /** Why the node is not ready for new work, by the part that is missing. */
  missing(): Promise<Record<string, string>>
}

async function startTestEnv(dataDir: string, env: Record<string, string> = {}): Promise<SpoolTestEnv> {
  await using stack = new AsyncDisposableStack()
  const models = stack.use(await startModelServer())
  const gateways = stack.use(
    await startGateways(['one'], {
      DOWNSTREAM_AI_URLS: models.url,
      FLUXGATE_DATA_DIR: dataDir,
      SPOOL_BYTES: String(SPOOL_BYTES),
      ...env,
    }),
  )
  const { body: made } = await gateways.admin('POST', '/admin/keys/generate', { user_id: 'u' })
  await gateways.admin('POST', '/admin/rate_limit', {
    identifier: `u.${made.id}`,
    capacity: 1e12,
    refill_rate: 1e9,
    requests_per_minute: 1e12,
    concurrent_streams: 1e9,
  })
  const origin = `http://127.0.0.1:${gateways.nodes[0]!.publicPort}`
  const headers = { authorization: `Bearer ${made.key}`, 'content-type': 'application/json' }
  const answered = new Set<string>()
  const call = (path = CHAT, body: object = { model: 'm', messages: [] }) =>
    fetch(origin + path, { method: 'POST', headers, body: JSON.stringify(body) })
  const owned = stack.move()
  const note = (response: Response) => answered.add(response.headers.get('x-request-id')!)
  return {
    gateways,
    models,
    dataDir,
    answered,
    call,
    callUntilRefused: () => callUntilRefused(call, note),
    async holdStream() {
      const response = await call(CHAT, { model: 'm', stream: true, messages: [] })
      assert.equal(response.status, 200)
      await eventually(() => models.buffered > 0)
      return async () => {
        models.release()
        const text = await response.text()
        note(response)
        return text
      }
    },
    async metric(name) {
      const response = await fetch(`http://127.0.0.1:${gateways.nodes[0]!.adminPort}/metrics`, {
        headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
      })
      return Number(new RegExp(`^${name}\\{.*\\} (.*)$`, 'm').exec(await response.text())?.[1])
    },
    async missing() {
      const response = await fetch(`${origin}/ready`)
      return ((await response.json()) as { missing: Record<string, string> }).missing
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** From several callers at once. */
async function callUntilRefused(
  call: () => Promise<Response>,
  note: (served: Response) => void,
): Promise<Response> {
  let calls = 0
  let refused: Response | undefined
  const caller = async () => {
    while (!refused && calls++ < MAX_CALLS) {
      const response = await call()
      if (response.status !== 200) {
        refused ??= response
        continue
      }
      await response.arrayBuffer()
      note(response)
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, caller))
  assert.ok(refused, `${calls} calls were all served`)
  return refused
}

/** New work is refused as each dialect says it, and the client is told when to come again. */
async function assertRefused(env: SpoolTestEnv, refused: Response): Promise<void> {
  assert.equal(refused.status, 503)
  assert.ok(Number(refused.headers.get('retry-after')) >= 1)
  const { error } = (await refused.json()) as { error: { code: string; type: string } }
  assert.deepEqual([error.code, error.type], ['log_unavailable', 'server_error'])
  const anthropic = await env.call('/v1/messages', { model: 'm', max_tokens: 5, messages: [] })
  assert.equal(anthropic.status, 503)
  assert.ok(Number(anthropic.headers.get('retry-after')) >= 1)
  assert.deepEqual(await anthropic.json().then(body => [(body as Body).type, (body as Body).error.type]), [
    'error',
    'api_error',
  ])
  const ollama = await env.call('/api/chat', { model: 'm', messages: [] })
  assert.equal(ollama.status, 503)
  assert.equal(typeof ((await ollama.json()) as { error: unknown }).error, 'string')
  const portal = await env.call('/portal/login', { email: 'a@example.com', password: 'long enough for it' })
  assert.equal(portal.status, 503)
  assert.ok(Number(portal.headers.get('retry-after')) >= 1)
  await portal.arrayBuffer()
}

interface Body {
  type: string
  error: { type: string }
}

async function assertServes(env: SpoolTestEnv): Promise<void> {
  await eventually(async () => {
    const response = await env.call()
    await response.arrayBuffer()
    assert.equal(response.status, 200)
    env.answered.add(response.headers.get('x-request-id')!)
  })
  assert.equal((await env.missing()).log, undefined)
}

/** Once the node has stopped, the log holds every request exactly once, and those that clients saw answered among them. */
async function assertNothingLost(env: SpoolTestEnv, natsUrl: string): Promise<void> {
  const ledger = await readLedger(natsUrl)
  assertDocumented(ledger, env.answered)
  const { admitted, interrupted } = assertConserved(ledger)
  assert.equal(admitted, env.answered.size)
  assert.equal(interrupted, 0)
}

/** The bytes of each segment between two JSON objects are its records' heads: good enough to find whole events. */
function eventsOnDisk(spool: string): string[] {
  const segments = readdirSync(spool, { recursive: true, encoding: 'utf8' }).filter(name =>
    name.endsWith('.segment'),
  )
  return segments.flatMap(name => readFileSync(join(spool, name), 'latin1').split('{"specversion"'))
}

function temporaryDirectory(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'fluxgate-faults-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

describe('a gateway whose log takes nothing more', () => {
  it('ends an answer when its facts are on this disk, several in one write, while NATS is away', async () => {
    using slot = temporaryDirectory()
    await using nats = await startNatsServer()
    await using env = await startTestEnv(slot.path, { NATS_URL: nats.url })
    await nats.stop('SIGKILL')
    const commits = await env.metric('fluxgate_spool_commits_total')
    const calls = Array.from({ length: 200 }, async () => {
      const response = await env.call()
      assert.equal(response.status, 200)
      await response.arrayBuffer()
      const request = response.headers.get('x-request-id')!
      const events = eventsOnDisk(join(slot.path, 'spool')).filter(event => event.includes(request))
      const types = ['requests.admitted', 'requests.completed', 'tokens.settled']
      const missing = types.filter(type => !events.some(event => event.includes(`"fluxgate.${type}"`)))
      assert.deepEqual(missing, [], `of ${request}`)
      env.answered.add(request)
    })
    await Promise.all(calls)
    const written = (await env.metric('fluxgate_spool_commits_total')) - commits
    assert.ok(written < 2 * calls.length, `${written} writes for ${3 * calls.length} events`)
    await nats.start()
    await eventually(() => assertNothingLost(env, nats.url))
  })

  it('serves from its spool while JetStream is full, refuses when the spool is full too, and recovers', async () => {
    using slot = temporaryDirectory()
    // JetStream's own limit, below the disk's size: 2.9.10 hangs on a full disk, and answers 10023 at its limit.
    await using nats = await startNatsServer({ maxFileBytes: 24 * MIB })
    await using link = await connectNats({ url: nats.url, name: 'test' }, silent)
    const { streams } = link.manager
    for (const name of ['REQUESTS', 'TOKENS']) {
      await streams.add({ name, subjects: [`fluxgate.${name.toLowerCase()}.>`], duplicate_window: 30e9 })
    }
    await streams.add({ name: 'BALLAST', subjects: ['ballast'] })
    await using env = await startTestEnv(slot.path, { NATS_URL: nats.url, NATS_STORAGE: '64MiB' })
    const finish = await env.holdStream()
    await fillJetStream(link)

    const refused = await env.callUntilRefused()
    await assertRefused(env, refused)
    assert.match((await env.missing()).log ?? '', /spool is full/)
    assert.match(await finish(), /\[DONE\]/, 'what is in flight ends all the same')
    const served = env.answered.size
    assert.ok(served > 500, `${served} were served from the spool`)
    assert.deepEqual(
      [...(await readLedger(nats.url)).values()].filter(facts => facts.has('requests.completed')),
      [],
    )

    await streams.purge('BALLAST')
    await assertServes(env)
    await env.gateways[Symbol.asyncDispose]()
    await assertNothingLost(env, nats.url)
    assert.deepEqual(readdirSync(join(slot.path, 'spool')), ['damaged'], 'nothing is left in the spool')
  })

  it('refuses while its disk is full, and serves by itself when there is room', async t => {
    using slot = temporaryDirectory()
    using disk = mountSmallDisk(slot.path, 4 * MIB)
    if (!disk) return t.skip('file systems cannot be mounted here')
    await using env = await startTestEnv(slot.path)
    const finish = await env.holdStream()
    const ballast = join(slot.path, 'ballast')
    assert.throws(() => {
      for (;;) writeFileSync(ballast, Buffer.alloc(4_096), { flag: 'a' })
    }, /ENOSPC/)

    const refused = await env.callUntilRefused()
    await assertRefused(env, refused)
    assert.match((await env.missing()).log ?? '', /ENOSPC/)
    assert.match(await finish(), /\[DONE\]/)

    rmSync(ballast)
    await assertServes(env)
    const { url } = env.gateways.nats
    await eventually(() => assertNothingLost(env, url))
  })

  it('refuses while its directory is read-only, and serves by itself when it can be written to', async () => {
    using slot = temporaryDirectory()
    await using env = await startTestEnv(slot.path)
    const finish = await env.holdStream()
    const spool = join(slot.path, 'spool')
    const [own] = readdirSync(spool).filter(name => name.startsWith('one-'))
    const home = join(spool, own!)
    {
      using _readOnly = makeReadOnly(home)
      const refused = await env.callUntilRefused()
      await assertRefused(env, refused)
      assert.match((await env.missing()).log ?? '', /EROFS|EACCES/)
      assert.match(await finish(), /\[DONE\]/)
    }
    await assertServes(env)
    assert.ok(existsSync(home))
    const { url } = env.gateways.nats
    await eventually(() => assertNothingLost(env, url))
  })
})

/** Until JetStream refuses (10023, which the client calls by its status, 503): large messages first, then small ones. */
async function fillJetStream(link: Awaited<ReturnType<typeof connectNats>>): Promise<void> {
  for (const bytes of [MIB / 2, 16 * 1024, 1_024, 64]) {
    const data = Buffer.alloc(bytes, 'x')
    await assert.rejects(async () => {
      for (;;) await link.jetstream.publish('ballast', data)
    }, /503|insufficient resources/)
  }
}
