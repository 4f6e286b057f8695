import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '@fluxgate/testing'
import { type Abuser, newAbuser } from './abuser.ts'
import type { Fault } from './fault.ts'
import { type Count, countAgainst, readLedger } from './ledger.ts'
import { Load, type LoadFigures, type Seen } from './load.ts'
import { buried } from './poison.ts'
import type { TestEnv } from './test-env.ts'
import { runVerify } from './verify-command.ts'

/** How long a trial's parts take, in milliseconds. */
export interface Pace {
  readonly before: number
  readonly away: number
  readonly after: number
  /** Clients of each kind. */
  readonly callers: number
}

export const SHORT: Pace = { before: 1_000, away: 3_000, after: 1_500, callers: 4 }
export const LONG: Pace = { before: 3_000, away: 20_000, after: 5_000, callers: 8 }

export interface Row extends LoadFigures, Pick<Count, 'missing' | 'doubled'> {
  readonly fault: string
}

/** What came back from a stand so far: each check holds all of it against the log. */
export type History = Seen[]

/** Backoffs end, outages are noticed, tables catch up; a busy machine takes its time for it. */
const SETTLE_MS = 90_000
const SETTLE_EVERY_MS = 250

/** One fault under load, then every check of the suite. @throws when a promise does not hold */
export async function runTrial(env: TestEnv, fault: Fault, pace: Pace, history: History): Promise<Row> {
  await fault.prepare?.(env)
  const user = `abuser-${fault.name.toLowerCase().replaceAll(/[^a-z]+/g, '-')}`
  const during = await newAbuser(env, `${user}-during`)
  const load = new Load({ origin: env.origin, keys: env.keys, callers: pace.callers })
  let figures: LoadFigures
  try {
    await sleep(pace.before)
    await during.burn()
    await fault.strike({ env, load, abuser: during, awayMs: pace.away })
    if (fault.logIsLost) {
      // Calls that ran meanwhile have lost a part of their events, or all.
      await seenAnew(load)
      history.length = 0
      load.seen.length = 0
    }
    await servedAgain(load)
    await sleep(pace.after)
  } finally {
    figures = await load.stop()
    history.push(...load.seen)
  }
  for (const service of Object.values(env.services)) {
    assert.ok(service.isRunning, `${service.name} ended by itself: ${service.output}`)
  }
  await eventually(async () => assert.equal(await env.inFlight(), 0), { timeoutMs: SETTLE_MS })
  if (fault.logIsLost) return { ...figures, fault: fault.name, ...(await settledAnew(env, history)) }
  const after = await newAbuser(env, `${user}-after`)
  await after.burn()
  // The other's penalty may be over, but its incident stands in the log: once.
  await after.throttled()
  const { missing, doubled } = await settled(env, history, [during, after])
  assert.equal(figures.turnedAwayMute, 0, 'every 503 says when to come again')
  return { fault: fault.name, missing, doubled, ...figures }
}

/** Every client has begun another call. */
async function seenAnew(load: Load): Promise<void> {
  const { requests } = load.figures
  await eventually(() => load.figures.requests > requests + load.clients, { timeoutMs: SETTLE_MS })
}

/** After the loss of the log: what clients saw since is in the new one, once, and the projection has halted and says why. */
async function settledAnew(
  { log, services }: TestEnv,
  history: History,
): Promise<Pick<Count, 'missing' | 'doubled'>> {
  const { missing, doubled } = await eventually(
    async () => {
      const count = countAgainst(await readLedger(log.url), history)
      assert.deepEqual(
        [count.missing, count.doubled, count.tokensDiffer],
        [0, 0, 0],
        count.examples.join('\n'),
      )
      return count
    },
    { timeoutMs: SETTLE_MS, everyMs: SETTLE_EVERY_MS },
  )
  await eventually(() => assert.match(services.projection.output, /halted: /), { timeoutMs: SETTLE_MS })
  return { missing, doubled }
}

/** Clients get answers again, without anybody's help. */
async function servedAgain(load: Load): Promise<void> {
  const before = load.figures.complete
  await eventually(() => load.figures.complete > before, { timeoutMs: SETTLE_MS })
}

/** Waits until nothing is on its way any more, then holds everything that was seen against the log. */
async function settled(env: TestEnv, history: History, abusers: readonly Abuser[]): Promise<Count> {
  const { url } = env.log
  let count: Count | undefined
  await eventually(
    async () => {
      const ledger = await readLedger(url)
      count = countAgainst(ledger, history)
      assert.deepEqual(count, { missing: 0, doubled: 0, open: 0, tokensDiffer: 0, examples: [] })
      assert.deepEqual(new Set(ledger.unreadable), env.poisoned)
      for (const { user } of abusers)
        assert.deepEqual(ledger.incidentsOf(user), { opened: 1, throttled: 1, reported: true }, user)
    },
    { timeoutMs: SETTLE_MS, everyMs: SETTLE_EVERY_MS },
  )
  await eventually(() => verified(env), { timeoutMs: SETTLE_MS, everyMs: SETTLE_EVERY_MS })
  return count!
}

/** `verify` holds; where poison was published it names each piece of that and nothing else. */
async function verified(env: TestEnv): Promise<void> {
  const { poisoned, log, databaseUrl } = env
  const { exitCode, inFlight, notCompared, offenders } = await runVerify(log.url, databaseUrl)
  const found = offenders.map(
    ({ offence, places }) => `${offence} ${places.map(p => `${p.stream}:${p.sequence}`)}`,
  )
  const expected = [...poisoned].flatMap(place => [`unreadable ${place}`, `dead_letter ${place}`])
  assert.deepEqual([...new Set(found)].sort(), expected.sort())
  assert.deepEqual(
    { exitCode, inFlight, notCompared },
    { exitCode: poisoned.size > 0 ? 1 : 0, inFlight: 0, notCompared: 0 },
  )
  if (poisoned.size > 0) assert.deepEqual(await buried(env), poisoned)
}
