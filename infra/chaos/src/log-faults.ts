import { rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { BUCKETS } from '@fluxgate/contracts'
import { connectNats, ensureTopology, type NatsLink } from '@fluxgate/nats'
import { createLog } from '@fluxgate/runtime'
import { eventually } from '@fluxgate/testing'
import { newAbuser } from './abuser.ts'
import { ALONE, type Blow, type Fault, MAIN, SMALL_BUCKETS, type Strike } from './fault.ts'
import type { TestEnv } from './test-env.ts'

const SECOND_MS = 1_000
const MINUTE_MS = 60_000
/** A stream drops a second copy of an event for 30 s; what is sent again later must not be sent at all. */
const BEYOND_DEDUPLICATION_MS = 35_000
const THROTTLED_FOR_MS = 3_600_000
/** Of one incident: opened, and reported. */
const OLD_MESSAGES = 2
const MORE_ROOM = 10

/** What happens to the log itself: its server, its disk, its limits, and the clocks that write into it. */
export const LOG_FAULTS: readonly Fault[] = [
  { name: 'NATS away, then gateway killed', kind: MAIN, strike: awayThenKilled(0) },
  { name: 'NATS away, gateway 15 s ahead, then killed', kind: MAIN, strike: awayThenKilled(15 * SECOND_MS) },
  { name: 'NATS away, gateway 5 min ahead, then killed', kind: MAIN, strike: awayThenKilled(5 * MINUTE_MS) },
  { name: 'throttles bucket full', kind: SMALL_BUCKETS, strike: throttlesFull },
  { name: 'incidents stream full', kind: MAIN, prepare: oldIncident, strike: incidentsFull },
  { name: 'NATS lost its disk', kind: ALONE, strike: diskLost, logIsLost: true },
]

/**
 * The gateway is killed as soon as its backlog begins to be stored: some of it is in the log, some in the spool, and the
 * spool does not know which. It starts again when the streams have forgotten the ids.
 */
function awayThenKilled(aheadMs: number): Strike {
  return async ({ env, awayMs }: Blow) => {
    const { gateway } = env.services
    const server = env.log.servers[0]!
    gateway.shiftClock(aheadMs)
    await server.stop('SIGKILL')
    await sleep(awayMs)
    await server.start()
    // The stand's own connection comes back later than the gateway's.
    await using link = await connectNats({ url: env.log.url, name: 'chaos' }, createLog('chaos', 'silent'))
    const before = await eventually(() => lastSequence(link, 'REQUESTS'), { everyMs: 5 })
    await eventually(async () => (await lastSequence(link, 'REQUESTS')) > before, { everyMs: 5 })
    await gateway.stop('SIGKILL')
    await sleep(BEYOND_DEDUPLICATION_MS)
    await gateway.start()
  }
}

async function lastSequence({ manager }: NatsLink, stream: string): Promise<number> {
  return (await manager.streams.info(stream)).state.last_seq
}

/** Throttles of strangers fill the bucket, as 1,500 addresses with wrong keys do; nobody makes room. */
async function throttlesFull({ env: { link }, awayMs }: Blow): Promise<void> {
  const stream = `KV_${BUCKETS.throttles}`
  const nowMs = Date.now()
  const throttle = {
    capacity: 0,
    refillRate: 0,
    imposedAt: nowMs,
    until: nowMs + THROTTLED_FOR_MS,
    reason: 'one of many',
    rule: 'auth_failures',
    actor: 'guard',
  }
  for (let i = 0; ; i++) {
    const subject = `$KV.${BUCKETS.throttles}.anonymous.${String(i).padStart(16, '0')}`
    const stored = await link.jetstream.publish(subject, JSON.stringify(throttle)).catch(() => undefined)
    if (stored === undefined) break
  }
  const { config, state } = await link.manager.streams.info(stream)
  if (state.bytes < config.max_bytes * 0.9) throw new Error(`${stream} is not full: ${state.bytes}`)
  await sleep(awayMs)
}

/** Gives the stream something to drop. */
async function oldIncident(env: TestEnv): Promise<void> {
  const old = await newAbuser(env, 'abuser-before-incidents-are-full')
  await old.burn()
  await old.throttled()
  await eventually(async () => (await lastSequence(env.link, 'INCIDENTS')) >= OLD_MESSAGES)
}

/** INCIDENTS is full when another incident comes: its oldest go, and an operator gives it more room. */
async function incidentsFull({ env, abuser }: Blow): Promise<void> {
  const { streams } = env.link.manager
  await abuser.throttled()
  const other = await newAbuser(env, 'abuser-while-incidents-are-full')
  const { config, state } = await streams.info('INCIDENTS')
  await streams.update('INCIDENTS', { ...config, max_bytes: state.bytes })
  try {
    await other.burn()
    await other.throttled()
    await eventually(async () => (await streams.info('INCIDENTS')).state.first_seq > state.first_seq)
  } finally {
    // Not so much that it could never have been full: `verify` would take what was dropped for deleted.
    await streams.update('INCIDENTS', { ...config, max_bytes: MORE_ROOM * state.bytes })
  }
}

/**
 * The server comes back with an empty disk while the projection is down, and the streams are made again. What was stored
 * before is gone; what must not happen is that the tables go on as if nothing had been.
 */
async function diskLost({ env, awayMs }: Blow): Promise<void> {
  const { log, link, services } = env
  const server = log.servers[0]!
  await services.projection.stop('SIGKILL')
  await server.stop('SIGKILL')
  rmSync(server.storeDir, { recursive: true, force: true })
  await sleep(awayMs)
  await server.start()
  await eventually(() => link.isConnected())
  await ensureTopology(link, { replicas: 1, storageBytes: env.storageBytes })
  await services.projection.start()
}
