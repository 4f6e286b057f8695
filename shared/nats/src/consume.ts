import type { StoredEvent } from '@fluxgate/contracts'
import { AckPolicy, DeliverPolicy, nanos } from 'nats'
import { buryMessage } from './dead-letter.ts'
import { storedEvent } from './follow.ts'
import type { NatsLink } from './link.ts'
import { PullReader, type StoredMessage } from './pull.ts'
import { pause } from './read.ts'

/** What became of an event: finished, to be tried again after `afterMs`, or never to succeed. */
export type Outcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'later'; readonly afterMs: number }
  | { readonly kind: 'poison'; readonly reason: string }

export const done: Outcome = Object.freeze({ kind: 'done' })
export const later = (afterMs: number): Outcome => ({ kind: 'later', afterMs })
export const poison = (reason: string): Outcome => ({ kind: 'poison', reason })

export interface ConsumeOptions {
  readonly stream: string
  /** Name of the durable; instances of one service share it and divide the work. */
  readonly durable: string
  readonly filter?: string
  /** Where a durable begins that is not there yet: at the first message, or at what comes from now on. */
  readonly begin?: 'first' | 'new'
  /** Events worked on at once. */
  readonly concurrency: number
  /** Without an answer for this long the server gives the event to another; work in progress renews it by itself. */
  readonly ackWaitMs?: number
  /** Deliveries after which an event goes to the dead letters. */
  readonly maxAttempts?: number
}

export interface Consuming extends AsyncDisposable {
  readonly buried: number
  readonly handled: number
}

const DEFAULT_ACK_WAIT_MS = 30_000
const DEFAULT_MAX_ATTEMPTS = 100
const RETRY_MIN_MS = 250
const RETRY_MAX_MS = 60_000
const RESTART_MS = 200
const MAX_UNANSWERED = 10_000

type ConsumeHandler = (event: StoredEvent, attempt: number, signal: AbortSignal) => Promise<Outcome>

/**
 * Works off a durable consumer of a stream without batches, event by event. A handler that throws means `later`, with a
 * growing pause.
 */
export function consume(link: NatsLink, options: ConsumeOptions, handler: ConsumeHandler): Consuming {
  return new Consumer(link, options, handler)
}

class Consumer implements Consuming {
  buried = 0
  handled = 0
  readonly #link: NatsLink
  readonly #options: ConsumeOptions
  readonly #handler: ConsumeHandler
  readonly #ackWaitMs: number
  readonly #stop = new AbortController()
  readonly #working = new Set<Promise<void>>()
  readonly #running: Promise<void>

  constructor(link: NatsLink, options: ConsumeOptions, handler: ConsumeHandler) {
    this.#link = link
    this.#options = options
    this.#handler = handler
    this.#ackWaitMs = options.ackWaitMs ?? DEFAULT_ACK_WAIT_MS
    this.#running = this.#run()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      try {
        await this.#readAll()
      } catch (error) {
        this.#link.log.warn({ err: error, consumer: this.#options.durable }, 'consuming again after a fault')
      }
      await pause(RESTART_MS, signal)
    }
    await Promise.allSettled(this.#working)
  }

  /** Until the reader ends, or the service. */
  async #readAll(): Promise<void> {
    const { stream, durable } = this.#options
    const { signal } = this.#stop
    await ensureDurable(this.#link, this.#options, this.#ackWaitMs)
    if (signal.aborted) return
    // One at a time and only when a hand is free: what lies here unhandled would run out of its time.
    const reader = new PullReader(this.#link, stream, durable, {
      maxBuffered: 1,
      eager: false,
      onLate: message => this.#answer(message, '-NAK'),
    })
    const close = () => reader.close()
    signal.addEventListener('abort', close)
    try {
      for (;;) {
        const [message] = (await reader.next(1)) ?? []
        if (!message) return
        if (signal.aborted) return this.#answer(message, '-NAK')
        this.#begin(message)
        if (this.#working.size >= this.#options.concurrency) await Promise.race(this.#working)
      }
    } finally {
      reader.close()
      signal.removeEventListener('abort', close)
    }
  }

  #begin(message: StoredMessage): void {
    // Unanswered, it is delivered again. A rejection that is not awaited would end the process.
    const item = this.#work(message)
      .catch(error => this.#link.log.error({ err: error, consumer: this.#options.durable }, 'an item failed'))
      .finally(() => this.#working.delete(item))
    this.#working.add(item)
  }

  async #work(message: StoredMessage): Promise<void> {
    const keepAlive = setInterval(() => this.#answer(message, '+WPI'), this.#ackWaitMs / 3)
    try {
      const outcome = await this.#decide(message)
      if (outcome.kind === 'poison') {
        await buryMessage(this.#link, this.#options.durable, message, outcome.reason, this.#stop.signal)
        this.buried++
      }
      if (outcome.kind === 'later')
        this.#answer(message, `-NAK ${JSON.stringify({ delay: nanos(outcome.afterMs) })}`)
      else this.#answer(message, outcome.kind === 'done' ? '+ACK' : '+TERM')
      this.handled++
    } finally {
      clearInterval(keepAlive)
    }
  }

  async #decide(message: StoredMessage): Promise<Outcome> {
    const parsed = message.parse()
    if (!parsed.ok) return poison(parsed.reason)
    let outcome: Outcome
    try {
      outcome = await this.#handler(storedEvent(message, parsed.value), message.attempt, this.#stop.signal)
    } catch (error) {
      const { durable } = this.#options
      this.#link.log.error({ err: error, consumer: durable, sequence: message.sequence }, 'handler failed')
      outcome = later(Math.min(RETRY_MIN_MS * 2 ** (message.attempt - 1), RETRY_MAX_MS))
    }
    const maxAttempts = this.#options.maxAttempts ?? DEFAULT_MAX_ATTEMPTS
    const exhausted = outcome.kind === 'later' && message.attempt >= maxAttempts
    return exhausted ? poison(`gave up after ${message.attempt} attempts`) : outcome
  }

  #answer(message: StoredMessage, text: string): void {
    // While disconnected the server redelivers after its wait; an answer could not reach it anyway.
    if (this.#link.isConnected()) this.#link.connection.publish(message.reply, text)
  }
}

async function ensureDurable(link: NatsLink, options: ConsumeOptions, ackWaitMs: number): Promise<void> {
  await link.manager.consumers.add(options.stream, {
    durable_name: options.durable,
    ack_policy: AckPolicy.Explicit,
    deliver_policy: options.begin === 'new' ? DeliverPolicy.New : DeliverPolicy.All,
    ack_wait: nanos(ackWaitMs),
    // Also counts those that asked for later; they must not keep new ones out.
    max_ack_pending: MAX_UNANSWERED,
    ...(options.filter === undefined ? {} : { filter_subject: options.filter }),
  })
}
