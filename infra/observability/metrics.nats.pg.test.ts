import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { startDashboard } from '@fluxgate/dashboard'
import { readDashboardConfig } from '@fluxgate/dashboard/config'
import { startGateway } from '@fluxgate/gateway'
import { readGatewayConfig } from '@fluxgate/gateway/config'
import { startGuard } from '@fluxgate/guard'
import { readGuardConfig } from '@fluxgate/guard/config'
import { startIncidentReporter } from '@fluxgate/incident-reporter'
import { readReporterConfig } from '@fluxgate/incident-reporter/config'
import { startMcp } from '@fluxgate/mcp'
import { readMcpConfig } from '@fluxgate/mcp/config'
import { connectNats, EventPublisher } from '@fluxgate/nats'
import { startProjection } from '@fluxgate/projection'
import { readProjectionConfig } from '@fluxgate/projection/config'
import { workload } from '@fluxgate/projection/testing'
import { migrateToLatest, openDatabase } from '@fluxgate/read-model'
import { createLog, type EnvReader, readConfig } from '@fluxgate/runtime'
import { createDatabase, eventually, freePort, SESSION_KEYS, testNats, testPostgres } from '@fluxgate/testing'
import { Agent, fetch } from 'undici'
import { startSimulator } from '../local/src/simulator/simulator.ts'
import { askedBy } from './expressions.ts'
import { readAlerts, readBoard, readYaml } from './files.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const ADMIN_TOKEN = 'admin-token-of-metrics'
const MCP_TOKEN = 'mcp-token-of-this-test-alone'
/** Prometheus' own, about every target. */
const OF_PROMETHEUS = { metrics: ['up'], labels: ['job', 'instance', 'le'] }
const log = createLog('observability', 'silent')

let stack: AsyncDisposableStack
/** Job → where its figures are. */
const targets = new Map<string, { url: string; headers: Record<string, string> }>()

before(async () => {
  stack = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'fluxgate-metrics-'))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  await writeFile(join(directory, 'index.html'), '<!doctype html><title>Fluxgate</title>')
  const nats = stack.use(await testNats())
  const postgres = stack.use(await testPostgres())
  const databaseUrl = await createDatabase(postgres)
  await using db = openDatabase(databaseUrl)
  await migrateToLatest(db)
  const models = stack.use(await startSimulator({ latencyMs: 1, tokensPerSecond: 0 }))
  const [publicPort, adminPort] = [await freePort(), await freePort()]
  const configOf = async <T>(job: string, read: (env: EnvReader) => T): Promise<T> => {
    const metricsPort = await freePort()
    const headers = job === 'gateway' ? { authorization: `Bearer ${ADMIN_TOKEN}` } : {}
    const port = job === 'gateway' ? adminPort : metricsPort
    targets.set(job, { url: `http://127.0.0.1:${port}/metrics`, headers: headers as Record<string, string> })
    return readConfig(
      {
        NATS_URL: nats.url,
        DATABASE_URL: databaseUrl,
        NODE_ID: 'metrics',
        FLUXGATE_DATA_DIR: directory,
        ...(job === 'gateway'
          ? { ADMIN_TOKEN, SESSION_PRIVATE_KEY: SESSION_KEYS.privateKey }
          : { MCP_TOKEN, SESSION_PUBLIC_KEY: SESSION_KEYS.publicKey }),
        DOWNSTREAM_AI_URLS: models.url,
        OLLAMA_URL: models.url,
        PUBLIC_HOST: '127.0.0.1',
        PUBLIC_PORT: String(publicPort),
        ADMIN_PORT: String(adminPort),
        GUARD_PRESET: 'strict',
        DRAIN_TIMEOUT: '500ms',
        MAX_LOOP_DELAY: '0',
        GATEWAY_URL: `https://127.0.0.1:${publicPort}`,
        MCP_PORT: '0',
        DASHBOARD_PORT: '0',
        METRICS_PORT: String(metricsPort),
      },
      read,
    )
  }
  stack.use(await startGateway(await configOf('gateway', readGatewayConfig), log))
  stack.use(await startGuard(await configOf('guard', readGuardConfig), log))
  stack.use(await startProjection(await configOf('projection', readProjectionConfig), log))
  stack.use(await startIncidentReporter(await configOf('incident-reporter', readReporterConfig), log))
  stack.use(await startMcp(await configOf('mcp', readMcpConfig), log))
  const dashboard = await configOf('dashboard', readDashboardConfig)
  stack.use(await startDashboard(dashboard, log, { pageDir: directory }))

  await makeTraffic(directory, publicPort, adminPort, nats.url)
})
after(() => stack.disposeAsync())

/** Something of each kind, so that what has labels shows them: a call, one that is refused, incidents, a fold. */
async function makeTraffic(
  directory: string,
  publicPort: number,
  adminPort: number,
  natsUrl: string,
): Promise<void> {
  const ca = readFileSync(join(directory, 'tls', 'cert.pem'))
  await using stack = new AsyncDisposableStack()
  const dispatcher = new Agent({ connect: { ca } })
  stack.defer(() => dispatcher.destroy())
  const post = (url: string, token: string, body: object) =>
    fetch(url, {
      method: 'POST',
      dispatcher,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  const made = await post(`http://127.0.0.1:${adminPort}/admin/keys/generate`, ADMIN_TOKEN, {
    user_id: 'ada',
  })
  const { key, id } = (await made.json()) as { key: string; id: string }
  const call = async () => {
    const chat = { model: 'phi4-mini', messages: [{ role: 'user', content: 'Hello' }] }
    const answer = await post(`https://localhost:${publicPort}/v1/chat/completions`, key, chat)
    await answer.arrayBuffer()
    return answer.status
  }
  assert.equal(await call(), 200)
  // Refused at the edge, before any route.
  await (await post(`https://localhost:${publicPort}/v1/${'a'.repeat(9_000)}`, key, {})).arrayBuffer()
  const limit = { identifier: `ada.${id}`, capacity: 1, refill_rate: 1 }
  assert.ok((await post(`http://127.0.0.1:${adminPort}/admin/rate_limit`, ADMIN_TOKEN, limit)).ok)
  await eventually(async () => (await call()) === 429)
  await using link = await connectNats({ url: natsUrl, name: 'test' }, log)
  await using publisher = new EventPublisher(link)
  for (const outgoing of workload({ requests: 1_200, startMs: Date.now() - 1_000 }))
    publisher.append(outgoing)
  await publisher.flush()
}

interface Scraped {
  readonly metrics: Set<string>
  readonly labels: Set<string>
}

async function scrape(job: string): Promise<Scraped> {
  const { url, headers } = targets.get(job)!
  const answer = await fetch(url, { headers })
  assert.equal(answer.status, 200, `${job} has no /metrics`)
  const metrics = new Set<string>()
  const labels = new Set<string>()
  for (const line of (await answer.text()).split('\n')) {
    const [, name, type] = /^# TYPE (\S+) (\S+)/.exec(line) ?? []
    if (name) metrics.add(name)
    if (type === 'histogram') for (const part of ['bucket', 'sum', 'count']) metrics.add(`${name}_${part}`)
    for (const [, label] of (/\{(.*)\}/.exec(line)?.[1] ?? '').matchAll(/(\w+)="/g)) labels.add(label!)
  }
  return { metrics, labels }
}

async function scrapeAll(): Promise<Scraped> {
  const all = await Promise.all([...targets.keys()].map(scrape))
  return {
    metrics: new Set([...OF_PROMETHEUS.metrics, ...all.flatMap(({ metrics }) => [...metrics])]),
    labels: new Set([...OF_PROMETHEUS.labels, ...all.flatMap(({ labels }) => [...labels])]),
  }
}

const code = globSync('services/*/src/**/*.ts', { cwd: ROOT })
  .filter(file => !file.includes('test'))
  .map(file => readFileSync(join(ROOT, file), 'utf8'))
  .join('\n')

describe('observability', () => {
  it('every job of prometheus.yml is a service that answers, and every service is a job', async () => {
    const { scrape_configs: jobs, rule_files } = readYaml<{
      scrape_configs: Array<{ job_name: string }>
      rule_files: string[]
    }>('prometheus.yml')
    assert.deepEqual(jobs.map(job => job.job_name).sort(), [...targets.keys()].sort())
    assert.deepEqual(rule_files, ['alerts.yml'])
    for (const job of targets.keys()) await scrape(job)
  })

  it('what alerts and board ask for is there', async () => {
    const asked = [
      ...readAlerts().map(({ alert, expr }) => [alert, expr] as const),
      ...readBoard().panels.flatMap(({ title, targets: shown = [] }) =>
        shown.map(({ expr }) => [title, expr] as const),
      ),
    ]
    assert.ok(asked.length > 60)
    await eventually(async () => {
      const there = await scrapeAll()
      for (const [name, expr] of asked) {
        const { metrics, labels, values } = askedBy(expr)
        assert.ok(metrics.length > 0, `${name} asks for nothing`)
        for (const metric of metrics) assert.ok(there.metrics.has(metric), `${name}: no metric ${metric}`)
        for (const label of labels) assert.ok(there.labels.has(label), `${name}: no label ${label}`)
        for (const value of values) assert.ok(code.includes(`'${value}'`), `${name}: nobody says "${value}"`)
      }
    })
  })

  it('the board is one that Grafana draws', () => {
    const { panels } = readBoard()
    const { datasources } = readYaml<{ datasources: Array<{ uid: string }> }>(
      'grafana/datasources/prometheus.yml',
    )
    for (const [i, { type, title, datasource, gridPos, targets: shown }] of panels.entries()) {
      assert.ok(gridPos.x + gridPos.w <= 24, title)
      for (const other of panels.slice(0, i)) {
        const beside =
          other.gridPos.x + other.gridPos.w <= gridPos.x || gridPos.x + gridPos.w <= other.gridPos.x
        const below = other.gridPos.y + other.gridPos.h <= gridPos.y
        assert.ok(beside || below, `${title} lies over ${other.title}`)
      }
      if (type === 'row') continue
      assert.ok(shown!.length > 0, title)
      assert.equal(datasource!.uid, datasources[0]!.uid, title)
    }
  })

  it('alerts have a threshold, a time, a severity, a sentence and a section of the runbook', () => {
    const runbook = readFileSync(join(ROOT, 'infra/docs/how-to/runbook.md'), 'utf8')
    const sections = [...runbook.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
      title!.toLowerCase().replaceAll(' ', '-'),
    )
    const alerts = readAlerts()
    assert.equal(new Set(alerts.map(({ alert }) => alert)).size, alerts.length)
    for (const { alert, expr, for: time, labels, annotations } of alerts) {
      assert.match(expr, / (>|<|==) \d|absent\(/, alert)
      assert.match(time, /^\d+[mh]$/, alert)
      assert.match(labels.severity, /^(critical|warning)$/, alert)
      assert.match(annotations.summary, /\.$/, alert)
      const [page, section] = annotations.runbook_url.split('#')
      assert.equal(page, 'infra/docs/how-to/runbook.md')
      assert.equal(section, alert.toLowerCase())
      assert.ok(sections.includes(section!), `${alert} has no section in the runbook`)
    }
  })

  it("Prometheus' own tool takes rules and configuration, and alerts speak beyond their thresholds", t => {
    const promtool = (...args: string[]) =>
      spawnSync('promtool', args, { cwd: import.meta.dirname, encoding: 'utf8' })
    const rules = promtool('check', 'rules', 'alerts.yml')
    if (rules.error) return t.skip('no promtool here')
    assert.equal(rules.status, 0, rules.stderr)
    const config = promtool('check', 'config', '--syntax-only', 'prometheus.yml')
    assert.equal(config.status, 0, config.stderr)
    const unit = promtool('test', 'rules', 'alerts.unit.yml')
    assert.equal(unit.status, 0, unit.stdout + unit.stderr)
  })
})
