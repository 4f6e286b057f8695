import type { Throttle, Tier } from '@fluxgate/contracts'

/** How far back a view looks, and in steps of what length. */
export type RangeName = '5m' | '1h' | '24h' | '7d' | '30d'

/** Epoch milliseconds, inclusive and exclusive. */
export interface Span {
  readonly from: number
  readonly to: number
}

export interface UsageSum {
  readonly admitted: number
  readonly refused: number
  readonly completed: number
  readonly failed: number
  readonly interrupted: number
  readonly promptTokens: number
  readonly completionTokens: number
  readonly totalTokens: number
  /** Parts of prompts. */
  readonly cachedTokens: number
  readonly cacheWrite5mTokens: number
  readonly cacheWrite1hTokens: number
  readonly audioInputTokens: number
  /** Parts of completions. */
  readonly reasoningTokens: number
  readonly audioOutputTokens: number
  readonly images: number
  readonly toolCalls: number
  /** Millionths of a US dollar, of the models that have a price. */
  readonly costMicros: number
}

/** Null where nothing was measured. Off by 4.4 % at the most. */
export interface Percentiles {
  readonly count: number
  readonly p50Ms: number | null
  readonly p95Ms: number | null
  readonly p99Ms: number | null
  readonly firstByteP50Ms: number | null
  readonly firstByteP95Ms: number | null
  readonly firstByteP99Ms: number | null
}

export interface UsageStep extends UsageSum {
  /** Start of the bucket. */
  readonly at: number
}

export interface LatencyStep extends Percentiles {
  readonly at: number
}

export interface ModelUsage extends UsageSum {
  readonly model: string
  readonly latency: Percentiles | null
}

export interface NodeUsage {
  readonly node: string
  readonly admitted: number
  readonly refused: number
  readonly failed: number
  readonly totalTokens: number
  readonly p95Ms: number | null
}

export interface MetricsView {
  readonly range: RangeName
  readonly span: Span
  readonly bucket: 'minute' | 'hour' | 'day'
  /** Every bucket of the range, empty ones too. */
  readonly steps: readonly UsageStep[]
  readonly latencySteps: readonly LatencyStep[]
  readonly total: UsageSum
  /** The range of the same length before. */
  readonly before: UsageSum
  readonly latency: Percentiles
  readonly latencyBefore: Percentiles
  readonly models: readonly ModelUsage[]
  /** Null when it could not be counted in time: nodes are not in the rollups. */
  readonly nodes: readonly NodeUsage[] | null
}

/** What an identity may do, and what is left of it now. */
export interface LimitView {
  readonly keyId: string
  /** The tier's name; `own` is a limit of this identity alone. */
  readonly source: string
  readonly tier: Tier
  /** Whole tokens; null when no gateway could be asked. A bucket that was not used lately is full. */
  readonly tokensLeft: number | null
  readonly throttle: Throttle | null
}

/** Usage of a user or of one identity. */
export interface UsageView {
  readonly range: RangeName
  readonly span: Span
  readonly bucket: 'minute' | 'hour' | 'day'
  readonly steps: readonly UsageStep[]
  readonly total: UsageSum
  readonly before: UsageSum
  readonly models: readonly (UsageSum & { readonly model: string })[]
  readonly limits: readonly LimitView[]
}
