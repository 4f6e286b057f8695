import { Worker } from 'node:worker_threads'
import type { Counted, CountLimits, CountRequest, CountTokens } from './count.ts'
import type { CounterSaid, CountJob } from './token-counter-job.ts'

export interface TokenCounter extends AsyncDisposable {
  readonly count: CountTokens
  readonly waiting: number
}

interface Waiting {
  readonly ask: CountRequest
  readonly done: (counted: Counted | undefined) => void
  readonly untilMs: number
  timer: NodeJS.Timeout | undefined
}

export function openTokenCounter(
  limits: CountLimits,
  nowMs: () => number,
  onError: (error: Error) => void,
): TokenCounter {
  return new CounterThread(limits, nowMs, onError)
}

/**
 * Counts tokens with the tokenizer of OpenAI's newer models (o200k_base) in a thread of its own, one call at a time. The
 * thread is started by the first call that needs it, because its tables take 120 MB and most model servers report their
 * usage; until it is ready, calls wait longer. A call that is not counted at its deadline, that finds the queue full, or
 * whose thread broke is not counted at all.
 */
class CounterThread implements TokenCounter {
  readonly #limits: CountLimits
  readonly #nowMs: () => number
  readonly #onError: (error: Error) => void
  #queue: Waiting[] = []
  #running: Waiting | undefined
  #closed = false
  #worker: Worker | undefined
  #isReady = false

  constructor(limits: CountLimits, nowMs: () => number, onError: (error: Error) => void) {
    this.#limits = limits
    this.#nowMs = nowMs
    this.#onError = onError
  }

  get waiting(): number {
    return this.#queue.length
  }

  readonly count: CountTokens = (ask, done) => {
    if (this.#closed || this.#queue.length >= this.#limits.maxWaitingCounts) {
      done(undefined)
      return
    }
    const waitMs = this.#limits.countDeadlineMs + (this.#isReady ? 0 : this.#limits.counterStartMs)
    const waiting: Waiting = { ask, done, untilMs: this.#nowMs() + waitMs, timer: undefined }
    waiting.timer = setTimeout(() => answer(waiting, undefined), waitMs)
    this.#queue.push(waiting)
    this.#next()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    const rest = this.#running ? [this.#running, ...this.#queue] : this.#queue
    this.#queue = []
    this.#running = undefined
    for (const waiting of rest) answer(waiting, undefined)
    await this.#worker?.terminate()
  }

  #next(): void {
    while (!this.#running && !this.#closed) {
      const waiting = this.#queue.shift()
      if (!waiting) return
      if (waiting.timer === undefined) continue // answered at its deadline
      this.#running = waiting
      const limitMs = Math.min(waiting.untilMs - this.#nowMs(), this.#limits.countDeadlineMs)
      const job = jobOf(waiting.ask, limitMs)
      this.#worker ??= this.#start()
      this.#worker.postMessage(job, buffersOf(job))
    }
  }

  #finish(counted: Counted | undefined): void {
    const ended = this.#running
    this.#running = undefined
    if (ended) answer(ended, counted)
    this.#next()
  }

  #start(): Worker {
    const started = new Worker(new URL('./token-counter-main.ts', import.meta.url))
    started.unref()
    started.on('message', (said: CounterSaid) => {
      if (said === 'ready') this.#isReady = true
      else this.#finish(said)
    })
    started.on('error', this.#onError) // 'exit' follows
    started.once('exit', () => {
      if (this.#worker === started) this.#worker = undefined
      this.#isReady = false
      this.#finish(undefined)
    })
    return started
  }
}

/** Once: what comes after the deadline finds nobody. */
function answer(waiting: Waiting, counted: Counted | undefined): void {
  if (waiting.timer === undefined) return
  clearTimeout(waiting.timer)
  waiting.timer = undefined
  waiting.done(counted)
}

/** Copies, so that their memory can be handed over: a chunk may share its own with others. */
function jobOf({ dialect, body, answer: received }: CountRequest, limitMs: number): CountJob {
  return {
    dialect,
    body: body && Uint8Array.from(body),
    answer: received && { form: received.form, bytes: Uint8Array.from(received.bytes) },
    limitMs,
  }
}

function buffersOf({ body, answer: received }: CountJob): ArrayBuffer[] {
  return [body, received?.bytes].flatMap(bytes => (bytes ? [bytes.buffer as ArrayBuffer] : []))
}
