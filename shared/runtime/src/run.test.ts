import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const SERVICE = fileURLToPath(new URL('./test-service.ts', import.meta.url))
const ARGS = ['--disable-warning=ExperimentalWarning', SERVICE]

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly errors: string
  readonly messages: unknown[]
  /** What the log says, line by line. */
  readonly said: string[]
}

/** Runs the service, calls `act` when the log says `at`, and tells how it ended. */
async function life(
  behaviour: string,
  { at = '', act = (_child: ChildProcess) => {}, env = {} as Record<string, string> } = {},
): Promise<Ended> {
  const child = spawn(process.execPath, ARGS, {
    env: { PATH: process.env.PATH, TEST_SERVICE: behaviour, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const messages: unknown[] = []
  child.on('message', message => messages.push(message))
  let seen = ''
  child.stdout!.on('data', chunk => {
    seen += chunk
    if (at !== '' && seen.includes(`"msg":"${at}"`)) {
      at = ''
      act(child)
    }
  })
  const [errors, [code, signal]] = await Promise.all([
    text(child.stderr!),
    once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>,
    once(child.stdout!, 'close'),
  ])
  return { code, signal, errors, messages, said: messagesIn(seen) }
}

function messagesIn(log: string): string[] {
  const lines = log.trim() === '' ? [] : log.trim().split('\n')
  return lines.map(line => (JSON.parse(line) as { msg: string }).msg)
}

describe('run', { concurrency: 2 }, () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`${signal} disposes a running service`, async () => {
      const ended = await life('', { at: 'ready', act: child => child.kill(signal) })
      assert.deepEqual([ended.code, ended.signal, ended.errors], [0, null, ''])
      assert.deepEqual(ended.said, ['starting', 'ready', 'stopping', 'disposing', 'stopped'])
      assert.deepEqual(ended.messages, [{ ready: true, port: 7 }])
    })
  }

  it('ends when its parent is gone while it runs', async () => {
    const ended = await life('', { at: 'ready', act: child => child.disconnect() })
    assert.deepEqual([ended.code, ended.said.at(-1)], [0, 'stopped'])
  })

  it('ends when its parent dies while it is still starting, and leaves no orphan', async () => {
    const spawning = `const child = require('node:child_process').fork(${JSON.stringify(SERVICE)}, {
      execArgv: ['--disable-warning=ExperimentalWarning'], stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
    child.stdout.on('data', chunk => String(chunk).includes('starting') && console.log(child.pid))`
    const parent = spawn(process.execPath, ['-e', spawning], {
      env: { PATH: process.env.PATH, TEST_SERVICE: 'hangs' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const [line] = (await once(parent.stdout, 'data')) as [Buffer]
    const pid = Number(line.toString())
    assert.ok(isAlive(pid))
    parent.kill('SIGKILL')
    // The grandchild holds this pipe: it closes when the grandchild ends, within the test's own limit.
    parent.stderr.resume()
    await once(parent.stderr, 'close')
    while (isAlive(pid)) await new Promise(resolve => setTimeout(resolve, 20))
  })

  it('ends on a signal while it is still starting', async () => {
    const ended = await life('hangs', { at: 'starting', act: child => child.kill('SIGTERM') })
    assert.deepEqual([ended.code, ended.said], [0, ['starting']])
  })

  it('a failed start is one line and exit 1', async () => {
    const ended = await life('fails')
    assert.deepEqual([ended.code, ended.said], [1, ['starting', 'start failed: no luck']])
  })

  it('an uncaught error is one line, an orderly stop and exit 1', async () => {
    const ended = await life('rejects')
    assert.equal(ended.code, 1)
    assert.equal(ended.said.filter(line => line === 'unexpected error, stopping').length, 1)
    assert.deepEqual(ended.said.slice(-2), ['disposing', 'stopped'])
  })

  it('the same while it is still starting', async () => {
    const ended = await life('throws-while-starting')
    assert.deepEqual([ended.code, ended.said], [1, ['starting', 'unexpected error, stopping']])
  })

  it('a service that does not stop is ended; one that fails to says so', async () => {
    const stop = { at: 'ready', act: (child: ChildProcess) => child.kill('SIGTERM') }
    const stuck = await life('sticks', stop)
    assert.deepEqual([stuck.code, stuck.said.at(-1)], [0, 'disposing'])
    const broken = await life('breaks', stop)
    assert.deepEqual([broken.code, broken.said.at(-1)], [1, 'stop failed: cannot stop'])
  })

  it('ends by itself when its work is done; its log has the destination and level that are set', async () => {
    const ended = await life('ends')
    assert.deepEqual([ended.code, ended.said], [0, []])
    assert.deepEqual(messagesIn(ended.errors), ['starting', 'ready', 'stopping', 'disposing', 'stopped'])
    const quiet = await life('ends', { env: { LOG_LEVEL: 'warn' } })
    assert.deepEqual([quiet.code, quiet.errors], [0, ''])
  })

  it('a wrong configuration is a line for each fault and exit 2', async () => {
    const ended = await life('', { env: { LOG_LEVEL: 'loud' } })
    assert.deepEqual([ended.code, ended.said], [2, []])
    assert.match(ended.errors, /^test: LOG_LEVEL="loud" must be one of trace, .*silent\n$/)
  })
})

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
