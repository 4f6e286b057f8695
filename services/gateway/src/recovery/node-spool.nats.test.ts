import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FluxgateEvent } from '@fluxgate/contracts'
import { connectNats, ensureTopology, type NatsLink, replay } from '@fluxgate/nats'
import { createLog } from '@fluxgate/runtime'
import { eventually, startNatsServer, testRandom } from '@fluxgate/testing'

const log = createLog('test', 'silent')
const KILLS = 10
const MAX_BYTES = 16 * 1024 ** 2

interface Node {
  readonly process: ChildProcess
  readonly lines: string[]
  readonly errors: () => string
}

function startNode(url: string, root: string, mode: 'load' | 'drain'): Node {
  const main = join(import.meta.dirname, 'test-spool-main.ts')
  const args = ['--disable-warning=ExperimentalWarning', main, url, root, mode, String(MAX_BYTES)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const lines: string[] = []
  let rest = ''
  let errors = ''
  child.stdout.on('data', data => {
    const parts = (rest + data).split('\n')
    rest = parts.pop()!
    lines.push(...parts)
  })
  child.stderr.on('data', data => {
    errors += data
  })
  return { process: child, lines, errors: () => errors }
}

async function eventsOf(link: NatsLink, stream: string): Promise<FluxgateEvent[]> {
  const found: FluxgateEvent[] = []
  for await (const { events } of replay(link, { stream, from: 'first' })) {
    for (const { event } of events) found.push(event)
  }
  return found
}

const requestOf = (event: FluxgateEvent) => (event.data as { request: string }).request

/** How often each request has an event of one of these types. */
function countBy(events: readonly FluxgateEvent[], types: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const event of events) {
    if (!types.includes(event.type)) continue
    counts.set(requestOf(event), (counts.get(requestOf(event)) ?? 0) + 1)
  }
  return counts
}

describe('a node that is killed', () => {
  it(`${KILLS} times under load has lost nothing that was committed, and each request ends and settles once`, async () => {
    const root = await mkdtemp(join(tmpdir(), 'fluxgate-kills-'))
    await using stack = new AsyncDisposableStack()
    stack.defer(() => rm(root, { recursive: true, force: true }))
    const server = stack.use(await startNatsServer())
    const link = stack.use(await connectNats({ url: server.url, name: 'test' }, log))
    await ensureTopology(link)

    const random = testRandom()
    const committed: string[] = []
    let current: Node | undefined
    stack.defer(() => {
      current?.process.kill('SIGKILL')
    })
    for (let kill = 0; kill < KILLS; kill++) {
      const node = startNode(server.url, root, 'load')
      current = node
      await eventually(() => assert.ok(node.lines.length > 10, node.errors()), { timeoutMs: 60_000 })
      const runsMs = random() * 700
      const awayMs = kill % 3 === 1 ? random() * 300 : 0
      await sleep(runsMs)
      // Now and then the log is away when the node dies: all that it did meanwhile is on its disk alone.
      if (awayMs > 0) {
        await server.stop('SIGKILL')
        await sleep(awayMs)
      }
      const gone = once(node.process, 'close')
      node.process.kill('SIGKILL')
      await gone
      if (awayMs > 0) await server.start()
      assert.equal(node.lines[0], 'ready')
      committed.push(...node.lines.slice(1))
    }
    const last = startNode(server.url, root, 'drain')
    const [code] = await once(last.process, 'close')
    assert.equal(code, 0, last.errors())
    assert.deepEqual(await readdir(root), ['damaged'], 'all is stored')
    assert.deepEqual(await readdir(join(root, 'damaged')), [])

    const requests = await eventsOf(link, 'REQUESTS')
    const tokens = await eventsOf(link, 'TOKENS')
    const all = [...requests, ...tokens]
    assert.equal(new Set(all.map(event => event.id)).size, all.length, 'no event twice')
    const admitted = countBy(requests, ['fluxgate.requests.admitted'])
    const completed = countBy(requests, ['fluxgate.requests.completed'])
    const interrupted = countBy(requests, ['fluxgate.requests.interrupted'])
    const settled = countBy(tokens, ['fluxgate.tokens.settled'])
    for (const [request, times] of admitted) {
      const endings = (completed.get(request) ?? 0) + (interrupted.get(request) ?? 0)
      if (times === 1 && endings === 1 && settled.get(request) === 1) continue
      const reported = all.filter(each => requestOf(each) === request)
      assert.fail(`each of ${request} once: ${JSON.stringify(reported, null, 1)}`)
    }
    for (const request of settled.keys()) assert.ok(admitted.has(request), `${request} was never admitted`)
    for (const request of committed) assert.equal(completed.get(request), 1, `${request} was answered`)
    assert.ok(committed.length > KILLS * 10)
    assert.ok(interrupted.size > KILLS * 3, `${interrupted.size} were running when their node was killed`)
    const estimated = tokens.filter(
      event => event.type === 'fluxgate.tokens.settled' && event.data.source === 'estimated',
    )
    const answered = new Set(committed)
    const isEstimated = new Set(estimated.map(requestOf))
    for (const request of interrupted.keys()) assert.ok(isEstimated.has(request), `${request} is estimated`)
    for (const event of estimated) {
      // A node may die between the end of a request and its settlement; then no client has the whole answer.
      assert.ok(!answered.has(requestOf(event)), `${requestOf(event)} was answered`)
      // These had told 120 tokens of progress, but for those that were killed in their first turn.
      assert.ok([0, 120].includes((event.data as { total: number }).total))
    }
  })
})
