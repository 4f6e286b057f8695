import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { connect } from 'node:net'
import { describe, it } from 'node:test'
import { eventually } from '@fluxgate/testing'
import { routesOf } from '../dialects/routes.ts'
import { Connections } from './connections.net.ts'
import { Sessions } from './sessions.http.ts'
import { QUICK_LIMITS, startEdge } from './test/env.ts'

/** A clock whose next reading can throw. */
function brittleClock() {
  const clock = {
    now: 0,
    isBroken: false,
    read: (): number => {
      if (!clock.isBroken) return clock.now
      clock.isBroken = false
      throw new Error('thrown by the clock')
    },
  }
  return clock
}

class FakeConnection extends EventEmitter {
  destroyed = false
  closed = false
  writableLength = 0
  bytesWritten = 0
  rstCode = 0
  remoteAddress = '192.0.2.1'
  setLocalWindowSize(): void {}
  destroySoon(): void {}
  close(): void {
    this.closed = true
  }
  destroy(): this {
    if (!this.destroyed) {
      this.destroyed = true
      this.emit('close')
    }
    return this
  }
}

describe('an h2 session', () => {
  const scene = () => {
    const clock = brittleClock()
    const errors: unknown[] = []
    const limits = { ...QUICK_LIMITS, checkEveryMs: 5 }
    const sessions = new Sessions(limits, clock.read, error => errors.push(error))
    const [first, second] = [new FakeConnection(), new FakeConnection()]
    for (const session of [first, second]) sessions.open(session as never)
    return { clock, errors, sessions, first, second }
  }

  it('ends alone when its stream event throws', () => {
    const { clock, errors, sessions, first, second } = scene()
    using _all = sessions
    clock.isBroken = true
    first.emit('stream', new FakeConnection())
    assert.deepEqual([first.destroyed, second.destroyed, errors.length, sessions.size], [true, false, 1, 1])
  })

  it('ends alone when the close of its stream throws', () => {
    const { clock, errors, sessions, first, second } = scene()
    using _all = sessions
    const stream = new FakeConnection()
    first.emit('stream', stream)
    clock.isBroken = true
    stream.destroy()
    assert.deepEqual([first.destroyed, second.destroyed, errors.length], [true, false, 1])
  })

  it('ends alone when the timer that looks at it throws', async () => {
    const { clock, errors, sessions, first, second } = scene()
    using _all = sessions
    clock.isBroken = true
    await eventually(() => assert.equal(errors.length, 1))
    assert.deepEqual([first.destroyed, second.destroyed], [true, false])
    clock.now = QUICK_LIMITS.keepAliveTimeoutMs
    await eventually(() => assert.ok(second.closed, 'the timer runs on'))
  })

  it('ends alone when it cannot be opened', () => {
    const { clock, errors, sessions } = scene()
    using _all = sessions
    clock.isBroken = true
    const third = new FakeConnection()
    sessions.open(third as never)
    assert.deepEqual([third.destroyed, errors.length, sessions.size], [true, 1, 2])
  })
})

describe('an HTTP/1.1 connection', () => {
  it('ends alone when its acceptance or the timer that looks at it throws', async () => {
    const clock = brittleClock()
    const errors: unknown[] = []
    const isTrusted = (): boolean => {
      throw new Error('thrown by the networks')
    }
    const limits = { ...QUICK_LIMITS, checkEveryMs: 5, maxConnectionsPerAddress: 1, writeStallMs: 10 }
    using connections = new Connections(limits, isTrusted, clock.read, error => errors.push(error))
    const [accepted, first, second] = [new FakeConnection(), new FakeConnection(), new FakeConnection()]
    connections.accept(accepted as never)
    assert.deepEqual([accepted.destroyed, errors.length, connections.size], [true, 1, 0])
    for (const socket of [first, second]) connections.open(socket as never)
    clock.isBroken = true
    await eventually(() => assert.equal(errors.length, 2))
    assert.deepEqual([first.destroyed, second.destroyed], [true, false])
    second.writableLength = 1
    second.bytesWritten = 1
    clock.now = 1_000
    await eventually(() => {
      clock.now += 20
      assert.ok(second.destroyed, 'the timer runs on')
    })
  })
})

describe('a request at the door', () => {
  it('is answered 500 and no other is when its check throws', async () => {
    const errors: unknown[] = []
    let left = 2
    const fail = (): never => {
      left--
      throw new Error('thrown at the door')
    }
    const routes = routesOf()
    await using edge = await startEdge({
      onError: error => errors.push(error),
      overloaded: () => (left === 2 ? fail() : false),
      routes: { ...routes, allowed: path => (left === 1 ? fail() : routes.allowed(path)) },
    })
    const url = `http://127.0.0.1:${edge.port}`
    const first = await fetch(`${url}/portal/x`)
    assert.equal(first.status, 500)
    assert.equal(((await first.json()) as { error: { code: string } }).error.code, 'internal_error')
    const options = () => fetch(`${url}/v1/models`, { method: 'OPTIONS' })
    assert.equal((await options()).status, 500)
    assert.equal((await options()).status, 204)
    assert.equal((await fetch(`${url}/health`)).status, 200)
    assert.equal(errors.length, 2)
  })

  it('ends its connection alone when the refusal of unreadable bytes throws', async () => {
    const errors: unknown[] = []
    await using edge = await startEdge({ onError: error => errors.push(error) })
    edge.refused.push = () => {
      throw new Error('thrown by the metrics')
    }
    const socket = connect(edge.port, '127.0.0.1', () => socket.write('nonsense\r\n\r\n'))
    await new Promise(resolve =>
      socket
        .on('error', () => {})
        .once('close', resolve)
        .resume(),
    )
    assert.equal(errors.length, 1)
    assert.equal((await fetch(`http://127.0.0.1:${edge.port}/health`)).status, 200)
  })
})
