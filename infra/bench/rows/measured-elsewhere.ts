import { type Line, type Measured, quantile } from '../harness/line.ts'
import { atLeast, atMost, type BenchPace, type Row } from './row.ts'
import { runScript } from './script.ts'

/** Rows without a baseline: each is a measuring script of its own, which prints JSON; run once a round. */

export const guard: Row = {
  id: 'guard',
  what: 'the guard, every rule on',
  needs: [],
  async run(pace) {
    const core = await eachRound<{ eventsPerSecond: number; heapMb: number }>(pace, {
      file: 'shared/guard-core/test/core-throughput.ts',
      args: ['--identities', pace.isSmoke ? '1000' : '100000'],
      flags: ['--expose-gc', '--max-old-space-size=4000'],
    })
    const log = await eachRound<{ eventsPerSecond: number; eventsPerCpuSecond: number }>(pace, {
      file: 'services/guard/test/log-throughput.ts',
      args: ['--calls', pace.isSmoke ? '1000' : '60000'],
    })
    const line = alone(guard)
    return [
      { ...line('core', '/s', core, run => run.eventsPerSecond), ...atLeast(150_000, 300_000) },
      { ...line('heap of 100,000 identities', 'MB', core, run => run.heapMb), ...atMost(300, 150) },
      { ...line('from JetStream', '/s', log, run => run.eventsPerSecond), ...atLeast(40_000, 80_000) },
      line('from JetStream, for a second of CPU', '/s', log, run => run.eventsPerCpuSecond),
    ]
  },
}

const MUST_PROJECT = { postgresql: 30_000, pglite: 15_000 } as const

export const projection: Row = {
  id: 'projection',
  what: 'events of the log into the tables',
  needs: [],
  async run(pace) {
    const lines: Line[] = []
    for (const kind of ['postgresql', 'pglite'] as const) {
      lines.push(await projectionInto(kind, pace))
    }
    return lines
  },
}

async function projectionInto(
  kind: keyof typeof MUST_PROJECT,
  { isSmoke, rounds, tell }: BenchPace,
): Promise<Line> {
  tell(`into ${kind}`)
  const what = `into ${kind}`
  const file = 'services/projection/test/throughput.ts'
  const args = ['--kind', kind, '--requests', isSmoke ? '500' : '40000', '--runs', String(rounds), '--json']
  try {
    const rates = await runScript<Record<string, number[]>>(file, args)
    const must = MUST_PROJECT[kind]
    const ours = rates[kind]!
    return { ...alone(projection)(what, '/s', ours, rate => rate), ...atLeast(must, 2 * must) }
  } catch (error) {
    if (!String(error).includes('PostgreSQL is not installed')) throw error
    return { row: projection.id, what, skipped: 'PostgreSQL is not installed' }
  }
}

export const whatIf: Row = {
  id: 'whatif',
  what: 'a policy over a million past events',
  needs: [],
  async run(pace) {
    type Run = { readonly seconds: number }
    const events = pace.isSmoke ? '2000' : '1000000'
    const runs = await eachRound<{ fromLog: Run[]; fromBatches: Run[]; fromMemory: Run[] }>(pace, {
      file: 'infra/bench/whatif.ts',
      args: ['--events', events],
    })
    const line = alone(whatIf)
    const of = (turns: readonly Run[]) => Math.min(...turns.map(({ seconds }) => seconds))
    return [
      { ...line('from the log, an event a message', 's', runs, run => of(run.fromLog)), ...atMost(10, 5) },
      { ...line('from the log, batches', 's', runs, run => of(run.fromBatches)), ...atMost(4, 2) },
      line('from memory', 's', runs, run => of(run.fromMemory)),
    ]
  },
}

export const loop: Row = {
  id: 'loop',
  what: 'from the crossing event to the throttle at every node, under load',
  needs: [],
  async run(pace) {
    const runs = await eachRound<{ loopMs: number[] }>(pace, {
      file: 'infra/bench/loop.ts',
      args: ['--runs', pace.isSmoke ? '2' : '50'],
    })
    const line = alone(loop)
    return [
      { ...line('p50', 'ms', runs, run => quantile(run.loopMs, 0.5)), ...atMost(5, 5) },
      { ...line('p99', 'ms', runs, run => quantile(run.loopMs, 0.99)), ...atMost(50, 15) },
    ]
  },
}

export const revocation: Row = {
  id: 'revocation',
  what: 'from the answer to the order to the refusal at the last of three nodes, under load',
  needs: [],
  async run(pace) {
    const runs = await eachRound<{ fromAnswerMs: number[]; errors: number }>(pace, {
      file: 'infra/bench/revocation.ts',
      args: pace.isSmoke ? ['--runs', '3', '--nodes', '2'] : ['--runs', '100'],
    })
    const errors = runs.reduce((sum, run) => sum + run.errors, 0)
    const line = alone(revocation)
    return [
      { ...line('p50', 'ms', runs, run => quantile(run.fromAnswerMs, 0.5)), errors },
      { ...line('p99', 'ms', runs, run => quantile(run.fromAnswerMs, 0.99)), errors, ...atMost(50, 15) },
    ]
  },
}

interface Script {
  readonly file: string
  readonly args: readonly string[]
  readonly flags?: readonly string[]
}

async function eachRound<T>({ rounds, tell }: BenchPace, { file, args, flags }: Script): Promise<T[]> {
  const runs: T[] = []
  for (let round = 1; round <= rounds; round++) {
    tell(`round ${round} of ${rounds}: ${file}`)
    runs.push(await runScript<T>(file, [...args, '--json'], flags))
  }
  return runs
}

/** A script that met an error has ended with it, so that a run that gave figures had none unless it counts them. */
const alone =
  ({ id }: Row) =>
  <T>(what: string, unit: string, runs: readonly T[], of: (run: T) => number): Measured => ({
    row: id,
    what,
    unit,
    compared: 'alone',
    errors: 0,
    ours: runs.map(of),
  })
