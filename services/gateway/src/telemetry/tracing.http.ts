import type { Identity } from '@fluxgate/contracts'
import type { Log } from '@fluxgate/runtime'
import {
  type Attributes,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources'
import {
  AlwaysOnSampler,
  BatchSpanProcessor,
  type IdGenerator,
  RandomIdGenerator,
  SamplingDecision,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import { type AdmittedCall, type Call, type CallEnd, type CallTrace, parentOf, SELF } from '../call/index.ts'
import { clientAttributes, operationOf, routeOf, serverAttributes } from './span-attributes.ts'

export interface TracingConfig {
  /** Where OTLP over HTTP is taken, path included. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly isCompressed: boolean
  readonly timeoutMs: number
  /** As the environment says; ours is `http/json` whatever it says. */
  readonly protocol: string
  readonly resource: Readonly<Record<string, string>>
  /** A caller's decision about sampling is ours too. */
  readonly followsParent: boolean
  /** Of the traces whose decision is ours, from 0 to 1. */
  readonly ratio: number
  /** Spans that wait; more are dropped. */
  readonly maxQueued: number
  readonly maxBatch: number
  /** Spans wait for a batch at most so long. */
  readonly delayMs: number
}

export interface Tracing extends AsyncDisposable {
  /** Makes the ids of a call as it comes in. */
  readonly begin: (traceparent: string | undefined) => CallTrace
  /** The spans of an admitted call. */
  ended(call: AdmittedCall, end: CallEnd): void
  /** The span of a call that was turned away. */
  refused(call: Call, identity: Identity, code: string, status: number): void
  readonly exported: number
  /** Spans that the receiver did not take. */
  readonly lost: number
}

export interface TracingDeps {
  /** Origin of an upstream's URL by its name. */
  readonly originOf: (upstream: string) => string | undefined
  readonly log: Pick<Log, 'info' | 'warn'>
  readonly nowMs: () => number
  readonly epochMs: () => number
}

/** How long a stopping node waits for the last spans. */
const CLOSE_LIMIT_MS = 2_000
const EXPORTED = 0

export function openTracing(config: TracingConfig, deps: TracingDeps): Tracing {
  return new OtlpTracing(config, deps)
}

/**
 * Spans over OTLP. A call carries its ids from its admission on, since the upstream is given one of them; the spans
 * themselves are made when it has ended, from what its facts are made of. A receiver that is away costs spans, logged
 * once, and nothing else.
 */
class OtlpTracing implements Tracing {
  readonly #config: TracingConfig
  readonly #deps: TracingDeps
  readonly #random = new RandomIdGenerator()
  readonly #sampler: TraceIdRatioBasedSampler
  readonly #given = new GivenIds()
  readonly #exporter: ReportingExporter
  readonly #provider: TracerProvider
  readonly #tracer: Tracer

  constructor(config: TracingConfig, deps: TracingDeps) {
    this.#config = config
    this.#deps = deps
    this.#sampler = new TraceIdRatioBasedSampler(config.ratio)
    this.#exporter = new ReportingExporter(otlpExporter(config), deps.log)
    this.#provider = new TracerProvider({
      resource: defaultResource().merge(resourceFromAttributes(config.resource)),
      // The decision falls at the admission.
      sampler: new AlwaysOnSampler(),
      idGenerator: this.#given,
      spanProcessors: [
        new BatchSpanProcessor({
          exporter: this.#exporter,
          maxQueueSize: config.maxQueued,
          maxExportBatchSize: config.maxBatch,
          scheduledDelayMillis: config.delayMs,
          exportTimeoutMillis: config.timeoutMs,
        }),
      ],
    })
    this.#tracer = this.#provider.getTracer('fluxgate')
    if (config.protocol !== 'http/json') {
      const { protocol } = config
      deps.log.warn({ protocol }, 'spans are sent as http/json, which OTLP receivers take too')
    }
  }

  get exported(): number {
    return this.#exporter.exported
  }

  get lost(): number {
    return this.#exporter.lost
  }

  readonly begin = (traceparent: string | undefined): CallTrace => {
    const parent = parentOf(traceparent)
    const traceId = parent?.traceId ?? this.#random.generateTraceId()
    return {
      traceId,
      parentSpanId: parent?.spanId,
      serverSpanId: this.#random.generateSpanId(),
      clientSpanId: this.#random.generateSpanId(),
      isSampled: parent && this.#config.followsParent ? parent.isSampled : this.#isSampled(traceId),
    }
  }

  ended(call: AdmittedCall, end: CallEnd): void {
    const slot = call.trace
    if (!slot?.isSampled) return
    const endMs = this.#deps.epochMs()
    const startMs = endMs - (this.#deps.nowMs() - call.startedMs)
    const { status, attempts, upstream } = end.ending
    const attributes = serverAttributes(call, call.identity, status, end.outcome, end.errorType)
    const server = this.#serverSpan(call, slot, startMs, attributes)
    if (attempts > 0 && upstream !== SELF) this.#clientSpan(server, call, slot, end, startMs, endMs)
    if (end.outcome === 'failed' || status >= 500) server.setStatus({ code: SpanStatusCode.ERROR })
    server.end(endMs)
  }

  refused(call: Call, identity: Identity, code: string, status: number): void {
    const slot = call.trace
    if (!slot?.isSampled) return
    const endMs = this.#deps.epochMs()
    const startMs = endMs - (this.#deps.nowMs() - call.startedMs)
    const attributes = serverAttributes(call, identity, status, 'refused', code)
    const span = this.#serverSpan(call, slot, startMs, attributes)
    if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
    span.end(endMs)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const limit = new Promise<void>(done => {
      timer = setTimeout(done, CLOSE_LIMIT_MS)
    })
    // That a receiver is away was logged before.
    await Promise.race([this.#provider.shutdown().catch(() => {}), limit])
    clearTimeout(timer)
  }

  #isSampled(traceId: string): boolean {
    const { decision } = this.#sampler.shouldSample(ROOT_CONTEXT, traceId)
    return decision === SamplingDecision.RECORD_AND_SAMPLED
  }

  #serverSpan(call: Call, slot: CallTrace, startMs: number, attributes: Attributes): Span {
    this.#given.next(slot.traceId, slot.serverSpanId)
    const { traceId, parentSpanId: spanId } = slot
    const parent =
      spanId === undefined
        ? ROOT_CONTEXT
        : trace.setSpanContext(ROOT_CONTEXT, {
            traceId,
            spanId,
            isRemote: true,
            traceFlags: TraceFlags.SAMPLED,
          })
    const name = `${call.method} ${routeOf(call.path)}`
    return this.#tracer.startSpan(name, { kind: SpanKind.SERVER, startTime: startMs, attributes }, parent)
  }

  #clientSpan(
    server: Span,
    call: AdmittedCall,
    slot: CallTrace,
    end: CallEnd,
    startMs: number,
    endMs: number,
  ): void {
    this.#given.next(slot.traceId, slot.clientSpanId)
    const { status, upstream } = end.ending
    const client = this.#tracer.startSpan(
      `${operationOf(call.path)} ${call.model}`.trim(),
      {
        kind: SpanKind.CLIENT,
        startTime: startMs + end.overheadMs,
        attributes: clientAttributes(call, end, this.#deps.originOf(upstream)),
      },
      trace.setSpan(ROOT_CONTEXT, server),
    )
    if (end.outcome !== 'completed' || status >= 400) client.setStatus({ code: SpanStatusCode.ERROR })
    client.end(endMs)
  }
}

type Compression = NonNullable<NonNullable<ConstructorParameters<typeof OTLPTraceExporter>[0]>['compression']>

function otlpExporter(config: TracingConfig): SpanExporter {
  const { url, headers, timeoutMs } = config
  const compression = config.isCompressed ? { compression: 'gzip' as Compression } : {}
  return new OTLPTraceExporter({ url, headers: { ...headers }, timeoutMillis: timeoutMs, ...compression })
}

/** Gives a span the ids that its call has carried since its admission. */
class GivenIds implements IdGenerator {
  #traceId = ''
  #spanId = ''

  next(traceId: string, spanId: string): void {
    this.#traceId = traceId
    this.#spanId = spanId
  }

  generateTraceId(): string {
    return this.#traceId
  }

  generateSpanId(): string {
    return this.#spanId
  }
}

/** Counts, and says once that spans are being lost, and once that they are not any more. */
class ReportingExporter implements SpanExporter {
  exported = 0
  lost = 0
  readonly #inner: SpanExporter
  readonly #log: TracingDeps['log']
  #isFailing = false

  constructor(inner: SpanExporter, log: TracingDeps['log']) {
    this.#inner = inner
    this.#log = log
  }

  export(
    spans: Parameters<SpanExporter['export']>[0],
    callback: Parameters<SpanExporter['export']>[1],
  ): void {
    this.#inner.export(spans, result => {
      const isFailing = result.code !== EXPORTED
      if (isFailing) this.lost += spans.length
      else this.exported += spans.length
      if (isFailing !== this.#isFailing) {
        if (isFailing)
          this.#log.warn({ reason: result.error?.message }, 'spans cannot be exported and are dropped')
        else this.#log.info({ lost: this.lost }, 'spans are exported again')
      }
      this.#isFailing = isFailing
      callback(result)
    })
  }

  shutdown(): Promise<void> {
    return this.#inner.shutdown()
  }

  async forceFlush(): Promise<void> {
    await this.#inner.forceFlush?.()
  }
}
