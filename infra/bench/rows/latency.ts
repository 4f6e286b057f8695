import { median } from '../harness/line.ts'
import { figure } from '../harness/table.ts'
import { compileTools, type OpenLoop } from '../native/tools.ts'
import { startNginx } from '../proxy/nginx.ts'
import { startTestEnv } from '../proxy/test-env.ts'
import { takeTurns } from '../proxy/turns.ts'
import { BODY } from '../proxy/unary.ts'
import { atMost, type Row, sumErrors } from './row.ts'

const PER_SECOND = 500
const DIRECT = 'direct'

export const latency: Row = {
  id: 'latency',
  what: `what a call takes more than without the gateway, at ${PER_SECOND} requests/s by plan`,
  needs: ['nginx', 'gcc'],
  async run(pace) {
    await using model = await startNginx()
    await using env = await startTestEnv()
    const tools = await compileTools(env.directory)
    const gateway = await env.gateway(model.origin)
    const subjects = [
      { name: DIRECT, port: model.port, authorization: 'none' },
      { name: 'Fluxgate', port: gateway.port, authorization: `Bearer ${gateway.key}` },
    ]
    const results = await takeTurns(subjects, pace, ({ port, authorization }, seconds) =>
      tools.openLoop({ port, authorization, body: BODY, perSecond: PER_SECOND, seconds }),
    )
    const [direct, ours] = [results.get(DIRECT)!, results.get('Fluxgate')!]
    const added = (what: string, bounds: object, of: (run: OpenLoop) => number) => ({
      row: latency.id,
      what,
      unit: 'ms',
      compared: 'added' as const,
      ...bounds,
      ours: ours.map(run => of(run) / 1_000),
      base: { name: DIRECT, values: direct.map(run => of(run) / 1_000) },
      errors: sumErrors(direct, ours),
    })
    const lateMs = median([...direct, ...ours].map(run => run.lateMicros / 1_000))
    return [
      added('p50', atMost(0.5, 0.25), run => run.p50Micros),
      {
        ...added('p99', atMost(3, 1), run => run.p99Micros),
        note: `the generator itself was late by ${figure(lateMs)} ms at its p99`,
      },
    ]
  },
}
