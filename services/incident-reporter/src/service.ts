import { eventMaker, factFilter, IncidentOpened, STREAMS } from '@fluxgate/contracts'
import { connectNats, consume, ensureTopology } from '@fluxgate/nats'
import { createIds, type Log, startStatusServer } from '@fluxgate/runtime'
import type { ReporterConfig } from './config.ts'
import { Breaker } from './core/breaker.ts'
import { askForReport, type FactsDeps, type ModelDeps, tellFacts } from './in/on-opened.ts'
import { openCaseFile } from './out/case-files.ts'
import { reporterMetrics } from './out/metrics.ts'
import { openModel } from './out/model.ts'
import { appendReport, lastReport } from './out/reports.ts'

export interface Reporter extends AsyncDisposable {
  readonly metricsPort: number | undefined
}

/** The facts have a durable of their own: they never wait for a model, however slow it is. */
const FACTS_DURABLE = 'incident-reporter'
const MODEL_DURABLE = 'incident-reporter-model'
/** A reporter that ended without a word has its incidents taken over after this long. */
const ACK_WAIT_MS = 10_000
/** Never given up: an incident waits for its report for as long as the model is away. */
const MAX_ATTEMPTS = Number.MAX_SAFE_INTEGER

/** Works off opened incidents: a factual report at once, the model's when it comes. */
export async function startIncidentReporter(config: ReporterConfig, log: Log): Promise<Reporter> {
  await using stack = new AsyncDisposableStack()
  const { limits, model } = config
  const newId = createIds()
  const link = stack.use(await connectNats({ url: config.natsUrl, name: 'incident-reporter' }, log))
  await ensureTopology(link, config.logStorage)
  const make = eventMaker(`/incident-reporter/${newId().toLowerCase()}`, newId, Date.now)
  const metrics = reporterMetrics()
  const breaker = new Breaker(limits.failuresToRest, limits.restMs)
  const ask = openModel(config.ollamaUrl, model, limits.modelTimeoutMs)
  const facts: FactsDeps = {
    openCaseFile: (opened, incident, signal) => openCaseFile(link, opened, incident, signal),
    lastReport: incident => lastReport(link, incident),
    async publish(incident, source, report, after) {
      const by = source === 'model' ? { model } : undefined
      const sequence = await appendReport(link, make, { incident, source, ...by, report }, after)
      if (sequence !== undefined) metrics.reports.inc({ source })
      return sequence
    },
  }
  const asking: ModelDeps = {
    ...facts,
    breaker,
    async ask(...question) {
      const stopTimer = metrics.answerSeconds.startTimer()
      return await ask(...question).finally(stopTimer)
    },
    nowMs: () => performance.now(),
    retryMinMs: limits.retryMinMs,
    retryMaxMs: limits.retryMaxMs,
    onModel(outcome, why) {
      metrics.outcomes.inc({ outcome })
      if (outcome === 'refused') log.warn({ reason: why, model }, "the model's report was refused")
      if (outcome === 'failed') log.warn({ err: why, model }, 'the model could not be asked')
    },
  }
  const incidents = {
    stream: STREAMS.incidents,
    filter: factFilter(IncidentOpened),
    concurrency: limits.concurrency,
    ackWaitMs: ACK_WAIT_MS,
    maxAttempts: MAX_ATTEMPTS,
  }
  stack.use(consume(link, { ...incidents, durable: FACTS_DURABLE }, tellFacts(facts)))
  stack.use(consume(link, { ...incidents, durable: MODEL_DURABLE }, askForReport(asking)))
  const status = stack.use(
    await startStatusServer(config.metricsPort, metrics.registry, {
      nats: () => (link.isConnected() ? undefined : 'disconnected'),
    }),
  )
  log.info({ model }, 'incident-reporter works')
  const owned = stack.move()
  return { metricsPort: status.port, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
