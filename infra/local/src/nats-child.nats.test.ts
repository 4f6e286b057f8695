import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { connectNats, ensureTopology } from '@fluxgate/nats'
import { PASSWORD_VARIABLES } from '@fluxgate/nats-accounts'
import { eventually, freePort, startNatsServer } from '@fluxgate/testing'
import { markerOf, RANK } from './children.ts'
import { isProcess, ProcessBook } from './leftovers.ts'
import { natsChild } from './nats-child.ts'
import { SUPERVISOR_DEFAULTS, Supervisor } from './supervisor/supervisor.ts'

const directories: string[] = []
after(() => {
  for (const directory of directories) {
    rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
})
const quiet = { info() {}, warn() {}, error() {} }

const passwords = Object.fromEntries(PASSWORD_VARIABLES.map(name => [name, 'secret']))
const urlAt = (port: number) => `nats://operator:secret@127.0.0.1:${port}`

function scene() {
  const dataDir = mkdtempSync(join(tmpdir(), 'fluxgate-local-nats-'))
  directories.push(dataDir)
  const config = { ...SUPERVISOR_DEFAULTS, logDir: join(dataDir, 'logs'), minBackoffMs: 50 }
  return { dataDir, supervise: () => new Supervisor(config, () => {}) }
}

test('JetStream keeps its streams over SIGKILL and over a second start on another port', async () => {
  const { dataDir, supervise } = scene()
  const port = await freePort()
  {
    await using supervisor = supervise()
    await supervisor.start(await natsChild(dataDir, port, process.env, passwords, RANK.nats))
    await using link = await connectNats({ url: urlAt(port), name: 'test' }, quiet)
    await ensureTopology(link)
    await link.jetstream.publish('fluxgate.deadletter.TEST', 'kept')
    const first = supervisor.pidOf('nats-server') ?? 0
    process.kill(first, 'SIGKILL')
    await eventually(() => link.isConnected() && supervisor.pidOf('nats-server') !== first)
    assert.equal((await link.manager.streams.info('DEADLETTER')).state.messages, 1)
  }
  const another = await freePort()
  await using supervisor = supervise()
  await supervisor.start(await natsChild(dataDir, another, process.env, passwords, RANK.nats))
  await using link = await connectNats({ url: urlAt(another), name: 'test' }, quiet)
  assert.equal((await link.manager.streams.info('DEADLETTER')).state.messages, 1)
})

test('what a server without accounts had stored is found in ours', async () => {
  const { dataDir, supervise } = scene()
  const storeDir = join(dataDir, 'nats', 'store')
  const port = await freePort()
  {
    await using open = await startNatsServer()
    await using link = await connectNats({ url: open.url, name: 'test' }, quiet)
    await ensureTopology(link)
    await link.jetstream.publish('fluxgate.deadletter.TEST', 'kept')
    await open.stop()
    cpSync(open.storeDir, storeDir, { recursive: true })
  }
  await using supervisor = supervise()
  await supervisor.start(await natsChild(dataDir, port, process.env, passwords, RANK.nats))
  await using link = await connectNats({ url: urlAt(port), name: 'test' }, quiet)
  assert.equal((await link.manager.streams.info('DEADLETTER')).state.messages, 1)
})

test('the file limit stays below the free space of the disk, and never shrinks', async () => {
  const { dataDir } = scene()
  const limit = () =>
    Number(/max_file_store: (\d+)/.exec(readFileSync(join(dataDir, 'nats', 'server.conf'), 'utf8'))?.[1])
  await natsChild(dataDir, 1, process.env, passwords, RANK.nats)
  const { bavail, bsize } = statfsSync(dataDir)
  const first = limit()
  assert.ok(first > 0 && first < bavail * bsize)
  await natsChild(dataDir, 2, process.env, passwords, RANK.nats)
  assert.ok(limit() >= first)
})

test('nats child is refused when a newer server has written the folder, and takes it when an older one has', async () => {
  const { dataDir } = scene()
  const file = join(dataDir, 'nats', 'server-version')
  const start = () => natsChild(dataDir, 1, process.env, passwords, RANK.nats)
  await start()
  const own = readFileSync(file, 'utf8')
  assert.match(own, /^\d+\.\d+\.\d+\n$/)
  writeFileSync(file, '2.1.0\n')
  await start()
  assert.equal(readFileSync(file, 'utf8'), own)
  writeFileSync(file, '99.1.4\n')
  await assert.rejects(start(), (error: Error) => {
    const reported = (error as { faults?: string[] }).faults?.join() ?? ''
    return /written by nats-server 99\.1\.4, which [\d.]+ may not be able to read\. Name a nats-server 99\.1 or/.test(
      reported,
    )
  })
})

test('a server that a killed run left behind is found and stopped, and nothing else is', async () => {
  const { dataDir } = scene()
  const port = await freePort()
  const spec = await natsChild(dataDir, port, process.env, passwords, RANK.nats)
  const orphan = spawn('nats-server', ['--config', markerOf(spec)], {
    env: { ...process.env, ...passwords },
    stdio: 'ignore',
  })
  const stranger = spawn('sleep', ['60'], { stdio: 'ignore' })
  const book = new ProcessBook(dataDir)
  book.note('nats-server', orphan.pid ?? 0, markerOf(spec))
  book.note('postgres', stranger.pid ?? 0, 'postgres-main.ts')
  await eventually(() => isProcess(orphan.pid ?? 0, markerOf(spec)))
  const ended = once(orphan, 'exit')
  assert.deepEqual(await book.stopLeftovers(), ['nats-server'])
  await ended
  assert.equal(stranger.exitCode, null)
  stranger.kill()
  assert.deepEqual(await new ProcessBook(dataDir).stopLeftovers(), [])
})

test('on Linux the server goes when its supervisor is killed', { skip: !hasSetpriv() }, async () => {
  const { dataDir } = scene()
  const port = await freePort()
  const script = `
    import { natsChild } from ${JSON.stringify(new URL('./nats-child.ts', import.meta.url).href)}
    import { Supervisor, SUPERVISOR_DEFAULTS } from ${JSON.stringify(new URL('./supervisor/supervisor.ts', import.meta.url).href)}
    const supervisor = new Supervisor({ ...SUPERVISOR_DEFAULTS, logDir: ${JSON.stringify(dataDir)} }, () => {})
    await supervisor.start(await natsChild(${JSON.stringify(dataDir)}, ${port}, process.env, ${JSON.stringify(passwords)}, 0))
    console.log(supervisor.pidOf('nats-server'))`
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(parent.stdout, 'data')
  const pid = Number(String(line))
  assert.equal(await isProcess(pid, 'server.conf'), true)
  parent.kill('SIGKILL')
  await eventually(async () => !(await isProcess(pid, 'server.conf')))
})

function hasSetpriv(): boolean {
  try {
    execFileSync('setpriv', ['--pdeathsig', 'TERM', 'true'])
    return true
  } catch {
    return false
  }
}
