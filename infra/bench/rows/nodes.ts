import { freePort } from '@fluxgate/testing'
import { type Measured, median } from '../harness/line.ts'
import { busyMs, machine } from '../harness/machine.ts'
import { figure } from '../harness/table.ts'
import { type Nginx, startNginx } from '../proxy/nginx.ts'
import { cpuMsOf } from '../proxy/process.ts'
import { startTestEnv } from '../proxy/test-env.ts'
import { takeTurns } from '../proxy/turns.ts'
import { BODY } from '../proxy/unary.ts'
import { type Figures, wrk } from '../proxy/wrk.ts'
import { type Row, sumErrors } from './row.ts'

/** More than with one node: the system spreads connections by chance. */
const CONNECTIONS = 96
const COUNTS = [1, 2, 3]
/** Of the cores: busier than that, nothing is left for a further node. */
const USED_UP = 0.95

interface NodesRun extends Figures {
  /** Cores that each part kept busy, and `all` that the machine did. */
  readonly cores: Readonly<Record<'gateways' | 'nats' | 'model' | 'all', number>>
}

interface Nodes {
  readonly name: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  usage(): Promise<NodesRun['cores']>
}

export const nodes: Row = {
  id: 'nodes',
  what: 'two and three nodes on one port of this machine (REUSE_PORT)',
  needs: ['wrk', 'nginx'],
  async run(pace) {
    await using stack = new AsyncDisposableStack()
    const model = stack.use(await startNginx())
    const counts = pace.isSmoke ? COUNTS.slice(0, 2) : COUNTS
    const subjects: Nodes[] = []
    for (const count of counts) subjects.push(await startNodes(count, model, stack))
    const results = await takeTurns(subjects, pace, async (subject, seconds): Promise<NodesRun> => {
      const [before, beganMs] = [await subject.usage(), performance.now()]
      const figures = await wrk({ ...subject, body: BODY, connections: CONNECTIONS, seconds })
      const [after, tookMs] = [await subject.usage(), performance.now() - beganMs]
      const of = (part: keyof NodesRun['cores']) => (after[part] - before[part]) / tookMs
      const cores = { gateways: of('gateways'), nats: of('nats'), model: of('model'), all: of('all') }
      return { ...figures, cores }
    })
    const one = results.get(nameOf(1))!
    return counts.slice(1).map((count): Measured => {
      const ours = results.get(nameOf(count))!
      return {
        row: nodes.id,
        what: `requests/s of ${nameOf(count)}`,
        unit: '/s',
        compared: 'ratio',
        ours: ours.map(run => run.requestsPerSecond),
        base: { name: nameOf(1), values: one.map(run => run.requestsPerSecond) },
        errors: sumErrors(one, ours),
        note: `${limitOf(ours)}; with one node ${limitOf(one)}`,
      }
    })
  },
}

const nameOf = (count: number): string => (count === 1 ? 'one node' : `${count} nodes`)

/** Each count has a log and a database of its own, so that nodes that wait do not gossip with those that are measured. */
async function startNodes(count: number, model: Nginx, stack: AsyncDisposableStack): Promise<Nodes> {
  const env = stack.use(await startTestEnv())
  const sharedPort = await freePort()
  const first = await env.gateway(model.origin, { sharedPort })
  const gateways = [first]
  while (gateways.length < count) gateways.push(await env.gateway(model.origin, { sharedPort }))
  const { url, headers } = first
  return {
    name: nameOf(count),
    url,
    headers,
    async usage() {
      const used = await Promise.all(gateways.map(gateway => gateway.process.cpuMs()))
      return {
        gateways: used.reduce((sum, ms) => sum + ms, 0),
        nats: await cpuMsOf(env.nats.pid),
        model: await model.process.cpuMs(),
        all: await busyMs(),
      }
    },
  }
}

function limitOf(runs: readonly NodesRun[]): string {
  const of = (part: keyof NodesRun['cores']) => median(runs.map(({ cores }) => cores[part]))
  const [all, { cores }] = [of('all'), machine()]
  const parts = `gateways ${figure(of('gateways'))}, nats-server ${figure(of('nats'))}, model ${figure(of('model'))}`
  const limit = all >= USED_UP * cores ? 'the cores are used up' : 'cores are left'
  return `${figure(all)} of ${cores} cores busy (${parts}): ${limit}`
}
