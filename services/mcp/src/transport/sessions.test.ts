import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { InMemoryServerEventBus, McpServer } from '@modelcontextprotocol/server'
import { type Session, Sessions } from './sessions.timer.ts'

const ANN = { name: 'mcp:ann', role: 'operator' as const }
const BOB = { name: 'mcp:bob', role: 'operator' as const }
const limits = { maxSessions: 3, maxSessionsOfCaller: 2, sessionIdleMs: 1_000, sessionMaxMs: 5_000 }

function scene(errors: unknown[] = [], failing: 'close' | 'connect' | undefined = undefined) {
  let now = 0
  const bus = new InMemoryServerEventBus()
  let isFirst = true
  const serverFor = () => {
    const server = new McpServer({ name: 'test', version: '1' }, { capabilities: { resources: {} } })
    if (failing && isFirst) server[failing] = () => Promise.reject(new Error(`thrown by ${failing}`))
    isFirst = false
    return server
  }
  const sessions = new Sessions(limits, {
    serverFor,
    bus,
    nowMs: () => now,
    onFault: error => errors.push(error),
  })
  return {
    sessions,
    bus,
    wait: (ms: number) => {
      now += ms
    },
    begin: async (caller: typeof ANN) => {
      const session = await sessions.open(caller)
      return session && (await initialize(session))
    },
  }
}

async function initialize({ transport }: Session): Promise<string> {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } }
  const request = new Request('http://localhost/mcp', {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params }),
  })
  await (await transport.handleRequest(request)).text()
  return transport.sessionId!
}

describe('a session', () => {
  it('ends alone when its close rejects', async () => {
    const errors: unknown[] = []
    const { sessions, begin, wait } = scene(errors, 'close')
    await using _all = sessions
    await begin(ANN)
    wait(900)
    const second = (await begin(ANN))!
    wait(900)
    sessions.endOld()
    assert.ok(sessions.find(second, ANN))
    await new Promise(setImmediate)
    assert.deepEqual(
      errors.map(error => (error as Error).message),
      ['thrown by close'],
    )
  })

  it('follows no changes when it cannot be connected, or is never begun', async () => {
    const { sessions, begin, bus } = scene([], 'connect')
    await using _all = sessions
    await assert.rejects(begin(ANN), /thrown by connect/)
    assert.equal(bus.listenerCount, 0)
    const session = (await sessions.open(ANN))!
    assert.equal(bus.listenerCount, 1)
    await sessions.endUnlessBegun(session)
    assert.equal(bus.listenerCount, 0)
    await begin(ANN)
    assert.equal(bus.listenerCount, 1)
  })
})

describe('sessions', () => {
  it('belong to who began them', async () => {
    const { sessions, begin } = scene()
    await using _all = sessions
    const id = (await begin(ANN))!
    assert.ok(sessions.find(id, ANN))
    assert.equal(sessions.find(id, BOB), undefined)
  })

  it('are no more than may be, of one caller and of all', async () => {
    const { sessions, begin } = scene()
    await using _all = sessions
    assert.ok(await begin(ANN))
    assert.ok(await begin(ANN))
    assert.equal(await begin(ANN), undefined)
    assert.ok(await begin(BOB))
    assert.equal(await begin({ name: 'mcp:eve', role: 'operator' }), undefined)
    assert.equal(sessions.size, 3)
  })

  it('count while they begin, and leave nothing behind when their first message is refused', async () => {
    const { sessions, begin, bus } = scene()
    await using _all = sessions
    const [first, second] = await Promise.all([sessions.open(ANN), sessions.open(ANN)])
    assert.equal(await sessions.open(ANN), undefined)
    const refused = await first!.transport.handleRequest(
      new Request('http://localhost/mcp', { method: 'POST', body: '{}' }),
    )
    assert.ok(refused.status >= 400)
    await sessions.endUnlessBegun(first!)
    await sessions.endUnlessBegun(second!)
    assert.deepEqual([sessions.size, bus.listenerCount], [0, 0])
    for (let i = 0; i < 2; i++) assert.ok(await begin(ANN))
    assert.deepEqual([sessions.size, bus.listenerCount], [2, 2])
  })

  it('end when they are not used, and at last although they are', async () => {
    const { sessions, begin, wait } = scene()
    await using _all = sessions
    const idle = (await begin(ANN))!
    const used = (await begin(ANN))!
    for (let i = 0; i < 5; i++) {
      wait(900)
      assert.ok(sessions.find(used, ANN))
    }
    assert.equal(sessions.find(idle, ANN), undefined)
    assert.equal(sessions.size, 1)
    wait(600)
    assert.equal(sessions.find(used, ANN), undefined)
    assert.equal(sessions.size, 0)
  })
})
