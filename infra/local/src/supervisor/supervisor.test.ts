import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { eventually } from '@fluxgate/testing'
import type { ChildSpec } from './life.ts'
import type { Notice } from './notice.ts'
import { SUPERVISOR_DEFAULTS, Supervisor, type SupervisorConfig } from './supervisor.ts'

const CHILD = fileURLToPath(new URL('./fixtures/child-main.ts', import.meta.url))
const PARENT = fileURLToPath(new URL('./fixtures/parent-main.ts', import.meta.url))

const directories: string[] = []
after(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
})

function scene(config: Partial<SupervisorConfig> = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'fluxgate-supervisor-'))
  directories.push(directory)
  const diary = join(directory, 'diary')
  const notices: Notice[] = []
  const supervisor = new Supervisor({ ...SUPERVISOR_DEFAULTS, logDir: directory, ...config }, notice =>
    notices.push(notice),
  )
  const spec = (name: string, behaviour: string, rank = 0): ChildSpec => ({
    name,
    command: process.execPath,
    args: [CHILD, behaviour, name, diary],
    env: process.env,
    rank,
    readyLimitMs: 10_000,
  })
  const entries = () => readFileSync(diary, 'utf8').trim().split('\n')
  const log = (name: string) => readFileSync(join(directory, `${name}.log`), 'utf8')
  return { directory, diary, notices, supervisor, spec, entries, log }
}

test('a child is up when it says so; its warnings are shown, everything is logged', async () => {
  const { supervisor, spec, notices, log } = scene()
  await using _ = supervisor
  assert.deepEqual(await supervisor.start(spec('a', 'calm')), { ready: true, port: 1234 })
  await eventually(() => notices.length > 0)
  assert.deepEqual(notices, [{ from: 'a', level: 'warn', text: 'careful: thin ice' }])
  await supervisor.stop()
  assert.match(log('a'), /all is well/)
})

test('a child that ends before it is ready fails the start with its last words', async () => {
  const { supervisor, spec } = scene()
  await using _ = supervisor
  await assert.rejects(supervisor.start(spec('b', 'refuse')), {
    code: 'FLUXGATE_CHILD_FAILED',
    message: 'b ended with code 2 before it was ready',
    lastWords: ['b: SETTING is missing'],
  })
  await assert.rejects(
    supervisor.start({ ...spec('c', 'mute'), readyLimitMs: 200 }),
    /not ready within 0.2 s/,
  )
  await assert.rejects(
    supervisor.start({ ...spec('d', ''), command: '/no/such/program' }),
    /could not be started/,
  )
})

test('a child that dies comes back, later each time, and killing one does not touch the other', async () => {
  const { supervisor, spec, notices, entries } = scene({ minBackoffMs: 40, maxBackoffMs: 100 })
  await using _ = supervisor
  await supervisor.start(spec('calm', 'calm'))
  const first = supervisor.pidOf('calm')
  await supervisor.start(spec('shaky', 'crash'))
  await eventually(() => entries().filter(entry => entry.startsWith('shaky start')).length >= 4)
  const waits = notices.flatMap(({ from, text }) =>
    from === 'shaky' ? (/ in (.+) s$/.exec(text)?.[1] ?? []) : [],
  )
  assert.deepEqual(waits.slice(0, 3), ['0.04', '0.08', '0.1'])
  assert.equal(supervisor.pidOf('calm'), first)
  process.kill(first!, 'SIGKILL')
  await eventually(() => notices.some(({ from, text }) => from === 'calm' && text === 'is up again'))
  assert.notEqual(supervisor.pidOf('calm'), first)
})

test('children stop by rank, and the deaf are killed in time', async () => {
  const { supervisor, spec, entries } = scene({ stopLimitMs: 900, stopReserveMs: 200 })
  await supervisor.start(spec('nats', 'calm', 0))
  await supervisor.start(spec('postgres', 'calm', 1))
  await Promise.all([supervisor.start(spec('deaf', 'deaf', 2)), supervisor.start(spec('quick', 'calm', 2))])
  const pids = ['nats', 'postgres', 'deaf', 'quick'].map(name => supervisor.pidOf(name)!)
  const startedMs = performance.now()
  await Promise.all([supervisor.stop(), supervisor.stop()])
  const tookMs = performance.now() - startedMs
  assert.ok(tookMs >= 450 && tookMs < 5_000, `stopped in ${tookMs} ms`)
  assert.deepEqual(pids.filter(isAlive), [])
  const ends = entries().filter(entry => !entry.includes('start'))
  assert.ok(ends.indexOf('quick exit') < ends.indexOf('postgres SIGTERM'))
  assert.ok(ends.indexOf('postgres exit') < ends.indexOf('nats SIGTERM'))
  assert.ok(!ends.includes('deaf exit'))
  await assert.rejects(supervisor.start(spec('late', 'calm')), /stopping/)
})

test('kill ends all at once, and a stop during a backoff starts nothing', async () => {
  const { supervisor, spec, entries } = scene({ minBackoffMs: 100 })
  await supervisor.start(spec('deaf', 'deaf'))
  await supervisor.start(spec('shaky', 'crash'))
  const pid = supervisor.pidOf('deaf')!
  await eventually(() => entries().includes('shaky exit'))
  supervisor.kill()
  await supervisor.stop()
  assert.equal(isAlive(pid), false)
  const before = entries().length
  await new Promise(done => setTimeout(done, 200))
  assert.equal(entries().length, before)
})

test('when the supervisor itself is killed, its children stop', async () => {
  const { directory, diary, entries } = scene()
  const parent = spawn(process.execPath, [PARENT, directory, diary], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await once(parent.stdout, 'data')
  const pid = Number(String(line))
  assert.equal(isAlive(pid), true)
  parent.kill('SIGKILL')
  await eventually(() => !isAlive(pid))
  assert.ok(entries().includes('child orphaned'))
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
