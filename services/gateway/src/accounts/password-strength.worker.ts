import { Worker } from 'node:worker_threads'
import type { PasswordStrength, StrengthVerdict } from './password-rules.ts'

/** What goes to the thread, one at a time; the answer is a {@link StrengthVerdict}. */
export interface StrengthJob {
  readonly password: string
  readonly context: readonly string[]
}

export interface StrengthLimits {
  /** Estimates that wait or run; more are refused as busy. */
  readonly maxWaiting: number
  /** Of one estimate. A thread that takes longer is ended. */
  readonly deadlineMs: number
  /** Of the first one, the start of the thread included. */
  readonly startMs: number
  /** Without work for this long the thread ends and its dictionaries are freed. */
  readonly idleMs: number
}

/** An estimate takes 0.1 s at the most and the start of the thread 1 s on a free core. */
export const DEFAULT_STRENGTH_LIMITS: StrengthLimits = Object.freeze({
  maxWaiting: 32,
  deadlineMs: 10_000,
  startMs: 60_000,
  idleMs: 60_000,
})

export interface OpenPasswordStrength extends PasswordStrength, AsyncDisposable {
  readonly hasThread: boolean
}

interface Waiting {
  readonly job: StrengthJob
  readonly resolve: (verdict: StrengthVerdict) => void
}

const BUSY: StrengthVerdict = Object.freeze({ kind: 'busy' })

/** Estimates passwords in a thread that is started when the first one comes: it never delays a call of a model. */
export function openPasswordStrength(
  onError: (error: Error) => void,
  limits: StrengthLimits = DEFAULT_STRENGTH_LIMITS,
): OpenPasswordStrength {
  return new StrengthThread(onError, limits)
}

class StrengthThread implements OpenPasswordStrength {
  readonly #onError: (error: Error) => void
  readonly #limits: StrengthLimits
  readonly #queue: Waiting[] = []
  #running: Waiting | undefined
  #worker: Worker | undefined
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(onError: (error: Error) => void, limits: StrengthLimits) {
    this.#onError = onError
    this.#limits = limits
  }

  get hasThread(): boolean {
    return this.#worker !== undefined
  }

  readonly estimate: OpenPasswordStrength['estimate'] = (password, context) => {
    if (this.#closed || this.#queue.length >= this.#limits.maxWaiting) return Promise.resolve(BUSY)
    return new Promise(resolve => {
      this.#queue.push({ job: { password, context }, resolve })
      this.#next()
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    const rest = this.#queue.splice(0)
    for (const waiting of this.#running ? [this.#running, ...rest] : rest) waiting.resolve(BUSY)
    this.#running = undefined
    await this.#worker?.terminate()
  }

  #next(): void {
    if (this.#running || this.#closed) return
    this.#running = this.#queue.shift()
    if (!this.#running) {
      this.#timer = setTimeout(() => this.#end(), this.#limits.idleMs).unref()
      return
    }
    clearTimeout(this.#timer)
    const limitMs = this.#worker ? this.#limits.deadlineMs : this.#limits.startMs
    this.#timer = setTimeout(() => {
      this.#end()
      this.#finish(BUSY)
    }, limitMs)
    this.#worker ??= this.#start()
    this.#worker.postMessage(this.#running.job)
  }

  #finish(verdict: StrengthVerdict): void {
    clearTimeout(this.#timer)
    const ended = this.#running
    this.#running = undefined
    ended?.resolve(verdict)
    this.#next()
  }

  #start(): Worker {
    const started = new Worker(new URL('./password-strength-main.ts', import.meta.url))
    started.unref()
    started.on('message', (verdict: StrengthVerdict) => this.#finish(verdict))
    started.on('error', this.#onError) // 'exit' follows
    started.once('exit', () => {
      if (this.#worker !== started) return
      this.#worker = undefined
      this.#finish(BUSY)
    })
    return started
  }

  #end(): void {
    const ended = this.#worker
    this.#worker = undefined
    ended?.terminate().catch(this.#onError)
  }
}
