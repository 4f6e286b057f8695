import { eventMaker, factFilter, IncidentOpened, IncidentReported, STREAMS } from '@fluxgate/contracts'
import { connectNats, consume, EventPublisher, ensureTopology } from '@fluxgate/nats'
import { Counter, createMetrics, type Log, startStatusServer } from '@fluxgate/runtime'
import { monotonicFactory } from 'ulid'
import type { ReporterConfig } from './config.ts'
import { Breaker } from './core/breaker.ts'
import { onOpened } from './in/on-opened.ts'
import { openCaseFile } from './out/case-files.ts'
import { openModel } from './out/model.ts'

/** Deliveries before an incident is buried: with the backoff, more than a week without a model. */
const MAX_ATTEMPTS = 12_000

/** Works off opened incidents: a factual report at once, the model's when it comes. */
export async function startIncidentReporter(config: ReporterConfig, log: Log): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack()
  const { limits, model } = config
  const newId = monotonicFactory()
  const link = stack.use(await connectNats({ url: config.natsUrl, name: 'incident-reporter' }, log))
  await ensureTopology(link)
  const publisher = stack.use(new EventPublisher(link))
  const make = eventMaker(`/incident-reporter/${newId().toLowerCase()}`, newId, Date.now)
  const registry = createMetrics('incident-reporter')
  const outcomes = new Counter({
    name: 'fluxgate_incident_reports_total',
    help: 'Answers of the model, by outcome.',
    labelNames: ['outcome'],
    registers: [registry],
  })
  const consuming = stack.use(
    consume(
      link,
      {
        stream: STREAMS.incidents,
        durable: 'incident-reporter',
        filter: factFilter(IncidentOpened),
        concurrency: limits.concurrency,
        maxAttempts: MAX_ATTEMPTS,
      },
      onOpened({
        openCaseFile: (opened, incident) => openCaseFile(link, opened, incident),
        ask: openModel(config.ollamaUrl, model, limits.modelTimeoutMs),
        async publish({ incident }, source, report) {
          const fact = {
            incident,
            source,
            ...(source === 'model' ? { model: model.slice(0, 256) } : {}),
            report,
          }
          await publisher.publish(make(IncidentReported, fact, { id: `reported-${source}-${incident}` }))
        },
        breaker: new Breaker(limits.failuresToRest, limits.restMs),
        nowMs: () => performance.now(),
        retryMinMs: limits.retryMinMs,
        retryMaxMs: limits.retryMaxMs,
        onModel(outcome, why) {
          outcomes.inc({ outcome })
          if (outcome === 'refused') log.warn({ reason: why, model }, "the model's report was refused")
          if (outcome === 'failed') log.warn({ err: why, model }, 'the model could not be asked')
        },
      }),
    ),
  )
  stack.use(
    await startStatusServer(config.metricsPort, registry, {
      nats: () => (link.isConnected() ? undefined : 'disconnected'),
    }),
  )
  log.info({ model, handled: consuming.handled }, 'incident-reporter works')
  const owned = stack.move()
  return { [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
