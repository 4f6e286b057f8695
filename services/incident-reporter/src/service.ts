import {
  type EventMaker,
  eventFilter,
  eventMaker,
  IncidentClosed,
  IncidentJoined,
  IncidentOpened,
  STREAMS,
  ThrottlePardoned,
} from '@fluxgate/contracts'
import {
  appendEvent,
  type ConsumeOptions,
  connectNats,
  consume,
  ensureTopology,
  type NatsLink,
} from '@fluxgate/nats'
import { createIds, type Log, startStatusServer } from '@fluxgate/runtime'
import { Breaker } from './breaker.ts'
import { openCaseFile } from './case-files.nats.ts'
import type { ReporterConfig } from './config.ts'
import { followIncidents } from './incident-book.nats.ts'
import { type ReporterMetrics, reporterMetrics } from './metrics.ts'
import { openModel } from './model.http.ts'
import { notify } from './on-incident.ts'
import { askForReport, type FactualReportDeps, type ModelDeps, publishFactualReport } from './on-opened.ts'
import { closePardoned, type PardonDeps } from './on-pardoned.ts'
import { isOpenedFor } from './opened-for.nats.ts'
import { appendReport, lastReport } from './reports.nats.ts'
import { openWebhook, WebhookGone } from './webhook.http.ts'

export interface Reporter extends AsyncDisposable {
  readonly metricsPort: number | undefined
}

/** The facts have a durable of their own: they never wait for a model, however slow it is. */
const FACTS_DURABLE = 'incident-reporter'
const MODEL_DURABLE = 'incident-reporter-model'
const PARDONS_DURABLE = 'incident-reporter-pardons'
const PRINT_DURABLE = 'incident-reporter-print'
const WEBHOOK_DURABLE = 'incident-reporter-webhook'
const NEVER_FAILS = { isGone: () => false, onFailed() {} }
/** A reporter that ended without a word has its incidents taken over after this long. */
const ACK_WAIT_MS = 10_000
/** Never given up: an incident waits for its report for as long as the model is away. */
const MAX_ATTEMPTS = Number.MAX_SAFE_INTEGER

type Work = Pick<ConsumeOptions, 'concurrency' | 'ackWaitMs' | 'maxAttempts'>

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
  const book = stack.use(followIncidents(link, limits))
  const joinedInto: FactualReportDeps['joinedInto'] = async ({ event, sequence }, signal) =>
    (await book.upTo(sequence, signal)).joined(event.subject)
  const facts: FactualReportDeps = {
    joinedInto,
    async appendJoined(incident, { into, findings }) {
      const { user, key, rule } = incident
      const fact = { incident: incident.incident, user, key, rule, into, findings }
      const event = make(IncidentJoined, fact, { id: `joined-${incident.incident}` })
      if ((await appendEvent(link, event, { after: 0 })) !== undefined) metrics.joined.inc()
    },
    async openCaseFile(opened, incident, signal) {
      const similar = (await book.upTo(opened.sequence, signal)).similar(incident)
      return openCaseFile(link, opened, incident, similar, signal)
    },
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
  const work: Work = { concurrency: limits.concurrency, ackWaitMs: ACK_WAIT_MS, maxAttempts: MAX_ATTEMPTS }
  const opened = { ...work, stream: STREAMS.incidents, filter: eventFilter(IncidentOpened) }
  stack.use(consume(link, { ...opened, durable: FACTS_DURABLE }, publishFactualReport(facts)))
  stack.use(consume(link, { ...opened, durable: MODEL_DURABLE }, askForReport(asking)))
  stack.use(consumePardons(link, make, work))
  tellPeople(stack, { link, config, joinedInto, metrics, log })
  const status = stack.use(
    await startStatusServer(config.status, metrics.registry, {
      nats: () => (link.isConnected() ? undefined : 'disconnected'),
    }),
  )
  log.info({ model }, 'incident-reporter works')
  const owned = stack.move()
  return { metricsPort: status.port, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** A pardon closes the incident that its throttle came from. */
function consumePardons(link: NatsLink, make: EventMaker, work: Work): AsyncDisposable {
  const close: PardonDeps['close'] = async (incident, actor, reason) => {
    const event = make(IncidentClosed, { incident, actor, reason }, { id: `closed-${incident}` })
    await appendEvent(link, event, { after: 0 })
  }
  const isAbout: PardonDeps['isAbout'] = (incident, identity) => isOpenedFor(link, incident, identity)
  const pardoned = { ...work, stream: STREAMS.throttles, filter: eventFilter(ThrottlePardoned) }
  return consume(link, { ...pardoned, durable: PARDONS_DURABLE }, closePardoned({ close, isAbout }))
}

interface Speaker {
  readonly link: NatsLink
  readonly config: ReporterConfig
  readonly joinedInto: FactualReportDeps['joinedInto']
  readonly metrics: ReporterMetrics
  readonly log: Log
}

/** From the first start on: each fact of an incident on standard output, and to the webhook if there is one. */
function tellPeople(stack: AsyncDisposableStack, { link, config, joinedInto, metrics, log }: Speaker): void {
  const { limits, webhook } = config
  const reported = { stream: STREAMS.incidents, begin: 'new', concurrency: limits.concurrency } as const
  const deps = { joinedInto, retryMinMs: limits.retryMinMs, retryMaxMs: limits.retryMaxMs }
  const print = notify({ ...deps, send: async ({ type, data }) => log.info(data, type), ...NEVER_FAILS })
  stack.use(consume(link, { ...reported, durable: PRINT_DURABLE }, print))
  if (!webhook) return
  const post = openWebhook({ ...webhook, timeoutMs: limits.webhookTimeoutMs }, Date.now)
  const handler = notify({
    ...deps,
    async send(notification, signal) {
      await post(notification, signal)
      metrics.notifications.inc({ outcome: 'taken' })
    },
    isGone: error => error instanceof WebhookGone,
    onFailed(error, { id, type }) {
      metrics.notifications.inc({ outcome: 'failed' })
      log.warn({ err: error, notification: id, type }, 'the webhook could not be called')
    },
  })
  const tries = { ackWaitMs: ACK_WAIT_MS + limits.webhookTimeoutMs, maxAttempts: limits.webhookTries }
  stack.use(consume(link, { ...reported, ...tries, durable: WEBHOOK_DURABLE }, handler))
}
