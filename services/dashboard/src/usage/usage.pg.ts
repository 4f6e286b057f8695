import { DAY_MS } from '@fluxgate/contracts'
import type { NatsLink } from '@fluxgate/nats'
import {
  type Database,
  type LatencySummary,
  latencySeries,
  latencyTotal,
  type Usage,
  type UsagePoint,
  usageByModel,
  usageSeries,
  usageTotal,
} from '@fluxgate/read-model'
import type {
  LimitView,
  MetricsView,
  Percentiles,
  RangeName,
  Span,
  UsageStep,
  UsageSum,
  UsageView,
} from './answers.ts'
import { usageByNode } from './node-usage.pg.ts'
import { bucketsOf, RANGES, spanOf } from './range.ts'

const MODELS = 20
const SUMS = [
  'admitted',
  'refused',
  'completed',
  'failed',
  'interrupted',
  'promptTokens',
  'completionTokens',
  'totalTokens',
  'cachedTokens',
  'cacheWrite5mTokens',
  'cacheWrite1hTokens',
  'audioInputTokens',
  'reasoningTokens',
  'audioOutputTokens',
  'images',
  'toolCalls',
  'costMicros',
] as const satisfies readonly (keyof UsageSum)[]
const NOTHING: UsageSum = Object.freeze(sumFrom(() => 0))

interface MetricsSources {
  readonly db: Database
  readonly link: NatsLink
  readonly nodeTimeoutMs: number
}

/** What went through the gateways in a range, and in the one before it. */
export async function metricsView(
  { db, link, nodeTimeoutMs }: MetricsSources,
  range: RangeName,
  nowMs: number,
): Promise<MetricsView> {
  const { now, before } = spanOf(range, nowMs)
  const { bucket } = RANGES[range]
  const [points, total, totalBefore, models] = await Promise.all([
    usageSeries(db, { ...now, bucket }),
    usageTotal(db, now),
    usageTotal(db, before),
    usageByModel(db, { ...now, limit: MODELS }),
  ])
  const [latencySteps, latency, latencyBefore, byModel, nodes] = await Promise.all([
    latencySeries(db, { ...now, bucket }),
    latencyTotal(db, now),
    latencyTotal(db, before),
    // One group of days at the most: the models' own sums over the whole range.
    Promise.all(models.map(({ model }) => latencyTotal(db, { ...now, model }))),
    usageByNode(db, now, nodeTimeoutMs).catch((error: Error) => {
      link.log.warn({ err: error, range }, 'usage by node was not counted')
      return null
    }),
  ])
  return {
    range,
    span: now,
    bucket,
    steps: stepsOf(now, bucket, points),
    latencySteps: latencySteps.map(({ at, ...rest }) => ({ at, ...percentilesOf(rest) })),
    total: sumOf(total),
    before: sumOf(totalBefore),
    latency: percentilesOf(latency),
    latencyBefore: percentilesOf(latencyBefore),
    models: models.map((row, i) => {
      const measured = byModel[i]
      return { model: row.model, ...sumOf(row), latency: measured ? percentilesOf(measured) : null }
    }),
    nodes,
  }
}

/** What one user used, or one key of the user's. */
export async function usageView(
  db: Database,
  scope: { readonly user: string; readonly key?: string },
  range: RangeName,
  nowMs: number,
  limits: readonly LimitView[],
): Promise<UsageView> {
  const { now, before } = spanOf(range, nowMs)
  const { bucket } = RANGES[range]
  const [points, total, totalBefore, models] = await Promise.all([
    usageSeries(db, { ...scope, ...now, bucket }),
    usageTotal(db, { ...scope, ...now }),
    usageTotal(db, { ...scope, ...before }),
    usageByModel(db, { ...scope, ...now, limit: MODELS }),
  ])
  return {
    range,
    span: now,
    bucket,
    steps: stepsOf(now, bucket, points),
    total: sumOf(total),
    before: sumOf(totalBefore),
    models: models.map(row => ({ model: row.model, ...sumOf(row) })),
    limits,
  }
}

function stepsOf(span: Span, bucket: 'minute' | 'hour' | 'day', points: readonly UsagePoint[]): UsageStep[] {
  const found = new Map(points.map(point => [point.at, point]))
  return bucketsOf(span, bucket).map(at => {
    const point = found.get(at)
    return { at, ...(point ? sumOf(point) : NOTHING) }
  })
}

function sumOf(usage: Usage): UsageSum {
  return sumFrom(name => usage[name])
}

function sumFrom(countOf: (name: (typeof SUMS)[number]) => number): UsageSum {
  return Object.fromEntries(SUMS.map(name => [name, countOf(name)])) as unknown as UsageSum
}

function percentilesOf(summary: LatencySummary): Percentiles {
  const { count, p50Ms, p95Ms, p99Ms, firstByteP50Ms, firstByteP95Ms, firstByteP99Ms } = summary
  return { count, p50Ms, p95Ms, p99Ms, firstByteP50Ms, firstByteP95Ms, firstByteP99Ms }
}

/** The model that was asked the most in the last day; `otherwise` when none was. */
export async function modelToTry(db: Database, nowMs: number, otherwise: string): Promise<string> {
  const models = await usageByModel(db, { from: nowMs - DAY_MS, to: nowMs, limit: 5 })
  return models.find(({ model, totalTokens }) => model !== '' && totalTokens > 0)?.model ?? otherwise
}
