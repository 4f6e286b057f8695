import { parseEvent, type StoredEvent } from '@fluxgate/contracts'
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

/** Works off a durable consumer, item by item. A handler that throws means `later`, with a growing pause. */
export function consume(
  link: NatsLink,
  options: ConsumeOptions,
  handler: (event: StoredEvent, attempt: number, signal: AbortSignal) => Promise<Outcome>,
): Consuming {
  const stop = new AbortController()
  const counts = { buried: 0, handled: 0 }
  const ackWaitMs = options.ackWaitMs ?? DEFAULT_ACK_WAIT_MS
  const maxAttempts = options.maxAttempts ?? DEFAULT_MAX_ATTEMPTS
  const working = new Set<Promise<void>>()

  async function work(message: StoredMessage): Promise<void> {
    const keepAlive = setInterval(() => answer(link, message, '+WPI'), ackWaitMs / 3)
    try {
      const outcome = await decide(message)
      if (outcome.kind === 'poison') {
        await buryMessage(link, options.durable, message, outcome.reason, stop.signal)
        counts.buried++
      }
      if (outcome.kind === 'later')
        answer(link, message, `-NAK ${JSON.stringify({ delay: nanos(outcome.afterMs) })}`)
      else answer(link, message, outcome.kind === 'done' ? '+ACK' : '+TERM')
      counts.handled++
    } finally {
      clearInterval(keepAlive)
    }
  }

  async function decide(message: StoredMessage): Promise<Outcome> {
    const parsed = parseEvent(message.data)
    if (!parsed.ok) return poison(parsed.reason)
    let outcome: Outcome
    try {
      outcome = await handler(storedEvent(message, parsed.value), message.attempt, stop.signal)
    } catch (error) {
      link.log.error({ err: error, consumer: options.durable, sequence: message.sequence }, 'handler failed')
      outcome = later(Math.min(RETRY_MIN_MS * 2 ** (message.attempt - 1), RETRY_MAX_MS))
    }
    const exhausted = outcome.kind === 'later' && message.attempt >= maxAttempts
    return exhausted ? poison(`gave up after ${message.attempt} attempts`) : outcome
  }

  const running = (async () => {
    while (!stop.signal.aborted) {
      let reader: PullReader | undefined
      const close = () => reader?.close()
      stop.signal.addEventListener('abort', close)
      try {
        await ensureDurable(link, options, ackWaitMs)
        // One at a time and only when a hand is free: what lies here unhandled would run out of its time.
        reader = new PullReader(link, options.stream, options.durable, {
          maxBuffered: 1,
          eager: false,
          onLate: message => answer(link, message, '-NAK'),
        })
        for (;;) {
          const [message] = (await reader.next(1)) ?? []
          if (!message) break
          if (stop.signal.aborted) {
            answer(link, message, '-NAK')
            break
          }
          // Unanswered, it is delivered again. A rejection that is not awaited would end the process.
          const item = work(message)
            .catch(error => link.log.error({ err: error, consumer: options.durable }, 'an item failed'))
            .finally(() => working.delete(item))
          working.add(item)
          if (working.size >= options.concurrency) await Promise.race(working)
        }
      } catch (error) {
        link.log.warn({ err: error, consumer: options.durable }, 'consuming again after a fault')
      } finally {
        reader?.close()
        stop.signal.removeEventListener('abort', close)
      }
      await pause(RESTART_MS, stop.signal)
    }
    await Promise.allSettled(working)
  })()

  return {
    get buried() {
      return counts.buried
    },
    get handled() {
      return counts.handled
    },
    async [Symbol.asyncDispose]() {
      stop.abort()
      await running
    },
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

function answer(link: NatsLink, message: StoredMessage, text: string): void {
  // While disconnected the server redelivers after its wait; an answer could not reach it anyway.
  if (link.isConnected()) link.connection.publish(message.reply, text)
}
