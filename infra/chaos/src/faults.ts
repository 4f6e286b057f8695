import { rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually, type NatsServer } from '@fluxgate/testing'
import { type Blow, CLUSTER, type Fault, MAIN, SMALL, type Strike } from './fault.ts'
import type { Load } from './load.ts'
import { LOG_FAULTS } from './log-faults.ts'
import { NODE_FAULTS } from './node-faults.ts'
import { publishPoison } from './poison.ts'
import type { ServiceName, TestEnv } from './test-env.ts'

const MIB = 1024 ** 2
const HOUR_MS = 3_600_000
const REFILL_EVERY_MS = 20

/** The table of faults: each is struck while clients call. */
export const FAULTS: readonly Fault[] = [
  ...NODE_FAULTS,
  ...LOG_FAULTS,
  { name: 'gateway killed', kind: MAIN, strike: killed('gateway') },
  { name: 'guard killed', kind: MAIN, strike: killed('guard') },
  { name: 'projection killed', kind: MAIN, strike: killed('projection') },
  { name: 'incident-reporter killed', kind: MAIN, strike: killed('incident-reporter') },
  { name: 'all services killed', kind: MAIN, strike: allKilled },
  { name: 'nats-server killed', kind: MAIN, strike: ({ env }) => downFor(serverOf(env), 0) },
  { name: 'nats-server down', kind: MAIN, strike: ({ env, awayMs }) => downFor(serverOf(env), awayMs) },
  { name: 'nats-server frozen', kind: MAIN, strike: natsFrozen },
  { name: 'Postgres down', kind: MAIN, strike: postgresDown },
  { name: 'spool disk full', kind: MAIN, strike: spoolDiskFull, missing: noDisk },
  { name: 'slow consumer', kind: MAIN, strike: slowConsumer },
  { name: 'gateway clock ±1 h', kind: MAIN, strike: clockSteps('gateway') },
  { name: 'guard clock ±1 h', kind: MAIN, strike: clockSteps('guard') },
  { name: 'projection clock ±1 h', kind: MAIN, strike: clockSteps('projection') },
  { name: 'poison messages', kind: MAIN, strike: ({ env }) => publishPoison(env) },
  { name: 'JetStream full', kind: SMALL, strike: jetStreamFull },
  { name: 'leader of three lost', kind: CLUSTER, strike: leaderLost },
]

function killed(name: ServiceName): Strike {
  return async ({ env }) => {
    await env.services[name].stop('SIGKILL')
    await env.services[name].start()
  }
}

async function allKilled({ env }: Blow): Promise<void> {
  const all = Object.values(env.services)
  await Promise.all(all.map(service => service.stop('SIGKILL')))
  await Promise.all(all.map(service => service.start()))
}

function serverOf({ log }: TestEnv): NatsServer {
  return log.servers[0]!
}

async function downFor(server: NatsServer, ms: number): Promise<void> {
  await server.stop('SIGKILL')
  await sleep(ms)
  await server.start()
}

async function natsFrozen({ env, awayMs }: Blow): Promise<void> {
  const { pid } = serverOf(env)
  process.kill(pid, 'SIGSTOP')
  try {
    await sleep(awayMs)
  } finally {
    process.kill(pid, 'SIGCONT')
  }
}

async function postgresDown({ env: { postgres }, awayMs }: Blow): Promise<void> {
  await postgres.stop()
  await sleep(awayMs)
  await postgres.start()
}

function noDisk({ disk }: TestEnv): string | undefined {
  return disk === undefined ? 'file systems cannot be mounted here' : undefined
}

async function spoolDiskFull({ env, load, awayMs }: Blow): Promise<void> {
  const ballast = join(env.disk!, 'ballast')
  try {
    fillDisk(ballast)
    await turnedAway(load)
    // What the gateway itself makes free by deleting what is stored is taken away too.
    for (const endMs = performance.now() + awayMs; performance.now() < endMs; await sleep(REFILL_EVERY_MS))
      fillDisk(ballast)
  } finally {
    rmSync(ballast, { force: true })
  }
}

function fillDisk(file: string): void {
  try {
    for (;;) writeFileSync(file, Buffer.alloc(4_096), { flag: 'a' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  }
}

/** New work is refused with 503 and the time to come again. */
async function turnedAway(load: Load): Promise<void> {
  const before = load.figures.turnedAway
  await eventually(() => load.figures.turnedAway > before, { timeoutMs: 120_000 })
}

/** JetStream's store is full (error 10023): the spool takes the rest, then the gateway refuses; room is made. */
async function jetStreamFull({ env: { link }, load, awayMs }: Blow): Promise<void> {
  for (const bytes of [MIB / 2, 16 * 1024, 1_024, 64]) {
    const data = Buffer.alloc(bytes, 'x')
    while (await fits(() => link.jetstream.publish('ballast', data)));
  }
  await turnedAway(load)
  await sleep(awayMs)
  await link.manager.streams.purge('BALLAST')
}

async function fits(publish: () => Promise<unknown>): Promise<boolean> {
  try {
    await publish()
    return true
  } catch (error) {
    if (/503|insufficient resources/.test((error as Error).message)) return false
    throw error
  }
}

/** Copies of all traffic that this many subscriptions of one connection ask for, and nobody reads. */
const UNREAD_COPIES = 50

/** The projection reads nothing for a while, and somebody who listens to everything takes nothing of it. */
async function slowConsumer({ env, awayMs }: Blow): Promise<void> {
  const { projection } = env.services
  const listener = connect(serverOf(env).port, '127.0.0.1')
  listener.on('error', () => {})
  const subscriptions = Array.from({ length: UNREAD_COPIES }, (_, i) => `SUB fluxgate.> ${i + 1}\r\n`)
  listener.write(`CONNECT {"verbose":false}\r\n${subscriptions.join('')}`)
  listener.pause()
  projection.signal('SIGSTOP')
  try {
    await sleep(awayMs)
  } finally {
    projection.signal('SIGCONT')
    listener.destroy()
  }
}

/**
 * An hour ahead, an hour behind, and right again. A guard that is ahead imposes nothing: it takes what it sees for an hour
 * old and its penalty for over. So the culprit's comes before.
 */
function clockSteps(name: ServiceName): Strike {
  return async ({ env, abuser, awayMs }) => {
    await abuser.throttled()
    for (const ms of [HOUR_MS, -HOUR_MS, 0]) {
      env.services[name].shiftClock(ms)
      await sleep(awayMs / 3)
    }
  }
}

async function leaderLost({ env: { log, link }, awayMs }: Blow): Promise<void> {
  const { cluster } = await link.manager.streams.info('TOKENS')
  const leader = log.servers.find(({ port }) => cluster?.leader === `test_${port}`)
  if (!leader) throw new Error(`${cluster?.leader} leads TOKENS, and is none of ours`)
  await downFor(leader, awayMs)
}
