import {
  eventMaker,
  IncidentOpened,
  type OutgoingEvent,
  RequestAdmitted,
  RequestCompleted,
  RequestFailed,
  RequestInterrupted,
  RequestRefused,
  STREAMS,
  type StoredEvent,
  type StreamName,
  ThrottleImposed,
  ThrottlePardoned,
  TokensProgressed,
  TokensSettled,
} from '@fluxgate/contracts'

/** Midnight, so that offsets read well. */
export const T0 = Date.UTC(2026, 0, 1)
const ada = { user: 'ada', key: 'k1' }
const ending = { model: 'm', upstream: 'sim', status: 200, durationMs: 100, bytes: 9 }

interface About {
  readonly user?: string
  readonly model?: string
}

/** A log in memory: events get their sequences in the order in which they are stored. Times are milliseconds after {@link T0}. */
export class TestLog {
  readonly entries: StoredEvent[] = []
  #sequences: Record<string, number> = {}
  readonly #progressed = new Map<string, number>()
  readonly make = eventMaker(
    '/gateway/test/1',
    () => `event-${String(this.entries.length).padStart(16, '0')}`,
    () => T0,
  )

  admitted(atMs: number, request: string, { user = 'ada', model = 'm' }: About = {}) {
    return this.#store(atMs, RequestAdmitted, {
      ...ada,
      user,
      request,
      tier: 'free',
      dialect: 'openai' as const,
      method: 'POST',
      path: '/v1/x',
      model,
      stream: false,
      address: '::1',
      promptChars: 9,
      promptEstimate: 3,
      reserved: 100,
    })
  }

  completed(atMs: number, request: string, { user = 'ada' }: About = {}) {
    return this.#store(atMs, RequestCompleted, { ...ada, user, request, ...ending })
  }

  failed(atMs: number, request: string) {
    const fault = { phase: 'connect' as const, code: 'x', message: 'x' }
    return this.#store(atMs, RequestFailed, { ...ada, request, ...ending, ...fault })
  }

  interrupted(atMs: number, request: string) {
    return this.#store(atMs, RequestInterrupted, { ...ada, request, ...ending, by: 'client' })
  }

  refused(atMs: number, request: string) {
    const what = {
      method: 'POST',
      path: '/v1/x',
      model: 'm',
      address: '::1',
      reason: 'throttled' as const,
      status: 429,
    }
    return this.#store(atMs, RequestRefused, { ...ada, request, ...what, count: 1, windowMs: 0 })
  }

  progressed(atMs: number, request: string, delta: number, { user = 'ada' }: About = {}) {
    const completion = (this.#progressed.get(request) ?? 0) + delta
    this.#progressed.set(request, completion)
    const counted = { prompt: 0, completion, delta, elapsedMs: 1_000 }
    return this.#store(atMs, TokensProgressed, {
      ...ada,
      user,
      request,
      tier: 'free',
      refillRate: 100,
      model: 'm',
      ...counted,
    })
  }

  settled(
    atMs: number,
    request: string,
    total: number,
    {
      user = 'ada',
      model = 'm',
      cached,
      prompt = 0,
      ...more
    }: About & { cached?: number; costMicros?: number; prompt?: number } = {},
  ) {
    const usage = {
      input: prompt,
      output: total - prompt,
      ...(cached === undefined ? {} : { cachedInput: cached }),
    }
    const counts = { usage, total, reserved: 100, progressed: this.#progressed.get(request) ?? 0 }
    return this.#store(atMs, TokensSettled, {
      ...ada,
      user,
      request,
      tier: 'free',
      refillRate: 100,
      model,
      upstream: 'sim',
      ...counts,
      ...more,
      source: 'reported' as const,
    })
  }

  /** A request from its admission to its end. */
  whole(atMs: number, request: string, total = 50, about: About = {}): void {
    this.admitted(atMs, request, about)
    this.settled(atMs + 100, request, total, about)
    this.completed(atMs + 100, request, about)
  }

  imposed(atMs: number, untilMs: number, { user = 'ada' }: About = {}) {
    const limit = {
      capacity: 10,
      refillRate: 1,
      until: T0 + untilMs,
      reason: 'x',
      rule: 'contextFlood',
      actor: 'guard',
    }
    return this.#store(atMs, ThrottleImposed, { ...ada, user, ...limit })
  }

  pardoned(atMs: number) {
    return this.#store(atMs, ThrottlePardoned, { ...ada, actor: 'operator:o1', reason: 'a mistake' })
  }

  opened(atMs: number, data: Partial<typeof OPENED> & { incident: string; until?: number }) {
    return this.#store(atMs, IncidentOpened, { ...OPENED, ...data })
  }

  #store(atMs: number, ...[definition, data]: Parameters<ReturnType<typeof eventMaker>>): StoredEvent {
    return this.put(atMs, this.make(definition, data, { timeMs: T0 + atMs }))
  }

  /** Stores an event as it is. */
  put(atMs: number, { subject, event }: OutgoingEvent): StoredEvent {
    const stream = STREAMS[event.type.split('.')[1] as StreamName]
    const sequence = (this.#sequences[stream] ?? 0) + 1
    this.#sequences[stream] = sequence
    const entry = { stream, sequence, storedAtMs: T0 + atMs, subject, event }
    this.entries.push(entry)
    return entry
  }
}

const OPENED = {
  ...ada,
  rule: 'contextFlood',
  severity: 'high' as const,
  explanation: 'x',
  numbers: {},
  evidence: [],
  action: 'throttled' as 'throttled' | 'observed',
}
