import type { LookupFunction } from 'node:net'
import type { Room } from '@fluxgate/contracts'
import { type Dispatcher, Pool } from 'undici'
import type { Load } from './choose.ts'
import type { FailureKind } from './circuit.ts'
import { type Asked, Circuits, type Ticket } from './circuits.ts'
import { HealthCheck } from './health-check.http.ts'
import { type ModelNames, modelNames } from './model-names.ts'
import type { CircuitPolicy } from './routing-policy.ts'
import type { UpstreamError } from './upstream.ts'
import type { UpstreamSpec } from './upstream-spec.ts'
import type { UpstreamStatus } from './upstream-status.ts'
import { UsageOption } from './usage-option.ts'

const MAX_HEADER_BYTES = 32 * 1024
const KEEP_ALIVE_MS = 30_000
/** Connections beyond the calls' own, so that health checks and lists do not wait for them. */
const SPARE_CONNECTIONS = 2
/** Weight of the newest call in the latency. */
const LATENCY_WEIGHT = 0.2
/** A `retry-after` longer than this rests an upstream no longer. */
const MAX_REST_MS = 60_000

type Failure = Pick<UpstreamError, 'code' | 'message'>

export interface LiveDeps {
  readonly lookup: LookupFunction | undefined
  readonly nowMs: () => number
  readonly epochMs: () => number
  readonly random: () => number
  /** Shared by all that is held of answers. */
  readonly room: Room
}

/** One upstream with its connections, its circuit and its counts. */
export class LiveUpstream implements Load {
  readonly spec: UpstreamSpec
  readonly names: ModelNames
  readonly weight: number
  readonly pool: Pool
  /** True when the spec sets headers of its own. */
  readonly hasHeaders: boolean
  inFlight = 0
  /** Until then others are asked first: it said how long it wants to be left alone. */
  #restUntilMs = 0
  readonly #circuits: Circuits
  readonly usageOption: UsageOption
  readonly #health: HealthCheck | undefined
  readonly #deps: LiveDeps
  #latencyMs: number | undefined
  #calls = 0
  #failures = 0
  #lastError: UpstreamStatus['lastError'] = null

  constructor(spec: UpstreamSpec, circuit: CircuitPolicy, deps: LiveDeps) {
    this.spec = spec
    this.weight = spec.weight
    this.hasHeaders = Object.keys(spec.headers).length > 0
    this.names = modelNames(spec)
    this.#deps = deps
    this.#circuits = new Circuits(circuit)
    this.usageOption = new UsageOption(spec.askForUsage)
    this.pool = new Pool(spec.origin, {
      // Aborting several h2 requests with unsent bodies at once makes Node frame empty DATA for ever (undici 8.12).
      allowH2: false,
      connect: { timeout: spec.connectTimeoutMs, ...(deps.lookup ? { lookup: deps.lookup } : {}) },
      connections: spec.maxInFlight + SPARE_CONNECTIONS,
      pipelining: 1,
      headersTimeout: spec.firstByteTimeoutMs,
      // Attempts watch for silence themselves: until the first event the first-byte limit holds.
      bodyTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
    })
    this.#health = spec.health && new HealthCheck(this.pool, spec, spec.health, deps.random)
  }

  /** Whether it may be asked at all, or for a model by a caller; it may still be full. */
  isUp(nowMs: number, asked?: Asked): boolean {
    return this.#health?.healthy !== false && this.#circuits.allows(nowMs, asked)
  }

  get full(): boolean {
    return this.inFlight >= this.spec.maxInFlight
  }

  isResting(nowMs: number): boolean {
    return nowMs < this.#restUntilMs
  }

  rest(forMs: number, nowMs: number): void {
    this.#restUntilMs = Math.max(this.#restUntilMs, nowMs + Math.min(forMs, MAX_REST_MS))
  }

  /** Until it may be asked again, as far as that is known. */
  backInMs(nowMs: number, asked: Asked): number {
    return Math.max(1_000, this.#circuits.opensInMs(nowMs, asked))
  }

  /** Takes a slot. */
  began(asked: Asked): Ticket {
    this.inFlight++
    this.#calls++
    return this.#circuits.started(asked)
  }

  succeeded(ticket: Ticket, latencyMs: number): void {
    this.#circuits.succeeded(ticket, this.#deps.nowMs())
    this.#latencyMs =
      this.#latencyMs === undefined
        ? latencyMs
        : this.#latencyMs + LATENCY_WEIGHT * (latencyMs - this.#latencyMs)
  }

  failed(ticket: Ticket, kind: FailureKind, isRepeat: boolean, error: Failure): void {
    this.#circuits.failed(ticket, kind, isRepeat, this.#deps.nowMs(), this.#deps.random)
    this.#noteFailure(error)
  }

  unreachable(ticket: Ticket, isRepeat: boolean, error: Failure): void {
    this.#circuits.unreachable(ticket, isRepeat, this.#deps.nowMs(), this.#deps.random)
    this.#noteFailure(error)
  }

  abandoned(ticket: Ticket): void {
    this.#circuits.abandoned(ticket)
  }

  #noteFailure({ code, message }: Failure): void {
    this.#failures++
    this.#lastError = { code, message, at: this.#deps.epochMs() }
  }

  dispatch(options: Omit<Dispatcher.DispatchOptions, 'origin'>, handler: Dispatcher.DispatchHandler): void {
    this.pool.dispatch(options, handler)
  }

  /** It is not in the plan any more: its calls end in their own time, new ones do not come. */
  async retire(): Promise<void> {
    this.#health?.[Symbol.dispose]()
    await this.pool.close()
  }

  /** Ends its calls. */
  async destroy(): Promise<void> {
    this.#health?.[Symbol.dispose]()
    await this.pool.destroy()
  }

  status(): UpstreamStatus {
    const { spec } = this
    const nowMs = this.#deps.nowMs()
    return {
      name: spec.name,
      url: spec.origin + spec.prefix,
      healthy: this.#health?.healthy !== false,
      circuit: this.#circuits.state(nowMs),
      opensInMs: Math.ceil(this.#circuits.opensInMs(nowMs)),
      inFlight: this.inFlight,
      maxInFlight: spec.maxInFlight,
      weight: spec.weight,
      dialects: spec.dialects,
      models: this.names.unlisted ? null : [...(spec.models ?? []), ...Object.keys(spec.aliases)],
      latencyMs: this.#latencyMs === undefined ? null : Math.round(this.#latencyMs * 100) / 100,
      calls: this.#calls,
      failures: this.#failures,
      lastError: this.#lastError ?? this.#health?.lastError ?? null,
    }
  }
}
