import type { Identity } from '@fluxgate/contracts'
import type { Registry } from '@fluxgate/runtime'
import type { AdmittedCall, Call, CallEnd } from '../call/index.ts'
import type { Refusal } from '../http/index.ts'
import { openAccessLog } from './access-log.ts'
import { RequestMetrics } from './request-metrics.ts'
import type { Tracing, TracingConfig, TracingDeps } from './tracing.http.ts'

export interface TelemetryConfig {
  /** A log line for each call, beside its events. */
  readonly accessLog: boolean
  /** Absent: nothing is traced. */
  readonly tracing: TracingConfig | undefined
}

/** What is told of each call beside its events: metrics always, spans and log lines where they are asked for. */
export interface Telemetry extends AsyncDisposable {
  readonly beginTrace: Tracing['begin'] | undefined
  readonly spans: Pick<Tracing, 'exported' | 'lost'> | undefined
  admitted(): void
  ended(call: AdmittedCall, end: CallEnd): void
  refused(call: Call, identity: Identity, refusal: Refusal, status: number): void
}

export async function openTelemetry(
  config: TelemetryConfig,
  registry: Registry,
  deps: TracingDeps,
): Promise<Telemetry> {
  const metrics = new RequestMetrics(registry)
  const tracing = config.tracing && (await tracingOf(config.tracing, deps))
  const accessLog = config.accessLog ? openAccessLog(deps.log, deps.nowMs) : undefined
  return {
    beginTrace: tracing?.begin,
    spans: tracing,
    admitted: metrics.admitted,
    ended(call, end) {
      metrics.ended(call, end)
      tracing?.ended(call, end)
      accessLog?.ended(call, call.identity, end)
    },
    refused(call, identity, refusal, status) {
      metrics.refused(call, refusal.reason)
      tracing?.refused(call, identity, refusal.code, status)
      accessLog?.refused(call, identity, refusal.code, status)
    },
    async [Symbol.asyncDispose]() {
      await tracing?.[Symbol.asyncDispose]()
    },
  }
}

/** OpenTelemetry is hundreds of modules: they are loaded where they are asked for. */
async function tracingOf(config: TracingConfig, deps: TracingDeps): Promise<Tracing> {
  const { openTracing } = await import('./tracing.http.ts')
  return openTracing(config, deps)
}
