import { BoundedMap, eventFilter, LoggedOut, parseEvent } from '@fluxgate/contracts'

export interface LiveSessionsOptions<T> {
  /**
   * What a session's row says now, or undefined when it has ended, has expired or its user is disabled. A rejection
   * reaches the caller of {@link LiveSessions.find}: when nobody can tell, nobody is let in.
   */
  readonly find: (sessionId: string) => Promise<T | undefined>
  /** Monotonic milliseconds. */
  readonly nowMs?: () => number
  /** An answer older than this is asked for again: the bound on how long a lost `logged_out` can matter. */
  readonly maxAgeMs?: number
  readonly maxSessions?: number
  /** Questions under way at once; beyond it {@link LiveSessions.find} rejects. */
  readonly maxAsking?: number
}

/** Too many sessions are being asked for at once, so this one cannot be. */
export class TooManyQuestions extends Error {
  readonly code = 'FLUXGATE_TOO_MANY_QUESTIONS'
  constructor() {
    super('too many sessions are being looked up at once')
    this.name = 'TooManyQuestions'
  }
}

/** Subscribe to it on core NATS and pass what comes to {@link LiveSessions.heard}: a logout counts at once. */
export const LOGGED_OUT_SUBJECT = eventFilter(LoggedOut)

const MAX_AGE_MS = 5_000
const MAX_SESSIONS = 10_000
const MAX_ASKING = 1_000

/** `value` is undefined for a session that does not live. */
interface Known<T> {
  readonly value: T | undefined
  readonly atMs: number
}

interface Flight<T> {
  readonly answer: Promise<T | undefined>
  /** Ended while it was being asked for: what was read may be older than the end. */
  evicted: boolean
}

/**
 * Which sessions live, asked of Postgres at most once in {@link LiveSessionsOptions.maxAgeMs} each (ASVS 7.4.1: a
 * logout really ends a self-contained token). Callers who ask for the same session at once share one question.
 */
export class LiveSessions<T> {
  readonly #find: (sessionId: string) => Promise<T | undefined>
  readonly #nowMs: () => number
  readonly #maxAgeMs: number
  readonly #maxAsking: number
  readonly #known: BoundedMap<string, Known<T>>
  readonly #flights = new Map<string, Flight<T>>()

  constructor(options: LiveSessionsOptions<T>) {
    this.#find = options.find
    this.#nowMs = options.nowMs ?? (() => performance.now())
    this.#maxAgeMs = Math.min(options.maxAgeMs ?? MAX_AGE_MS, MAX_AGE_MS)
    this.#known = new BoundedMap(options.maxSessions ?? MAX_SESSIONS)
    this.#maxAsking = options.maxAsking ?? MAX_ASKING
  }

  get size(): number {
    return this.#known.size
  }

  /** What can be told without asking; undefined when it has to be asked. */
  known(sessionId: string): { readonly value: T | undefined } | undefined {
    const known = this.#known.get(sessionId)
    return known && this.#nowMs() - known.atMs < this.#maxAgeMs ? known : undefined
  }

  async find(sessionId: string): Promise<T | undefined> {
    const known = this.known(sessionId)
    if (known) return known.value
    const flight = this.#flights.get(sessionId)
    if (flight && !flight.evicted) return flight.answer
    if (!flight && this.#flights.size >= this.#maxAsking) throw new TooManyQuestions()
    return this.#ask(sessionId)
  }

  evict(sessionId: string): void {
    this.#known.delete(sessionId)
    const flight = this.#flights.get(sessionId)
    if (flight) flight.evicted = true
  }

  clear(): void {
    this.#known.clear()
    for (const flight of this.#flights.values()) flight.evicted = true
  }

  /** Bytes of a message on {@link LOGGED_OUT_SUBJECT}; anything else changes nothing. */
  received(bytes: Uint8Array): void {
    const parsed = parseEvent(bytes)
    if (parsed.ok && parsed.value.type === 'fluxgate.auth.logged_out') this.evict(parsed.value.data.session)
  }

  #ask(sessionId: string): Promise<T | undefined> {
    const atMs = this.#nowMs()
    const flight: Flight<T> = {
      evicted: false,
      answer: this.#find(sessionId)
        .finally(() => {
          if (this.#flights.get(sessionId) === flight) this.#flights.delete(sessionId)
        })
        .then(value => {
          if (flight.evicted) return this.find(sessionId)
          this.#remember(sessionId, { value, atMs })
          return value
        }),
    }
    this.#flights.set(sessionId, flight)
    return flight.answer
  }

  #remember(sessionId: string, known: Known<T>): void {
    this.#known.renew(sessionId, known)
  }
}
