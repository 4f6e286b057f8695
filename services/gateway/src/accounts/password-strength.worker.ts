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
  const queue: Waiting[] = []
  let running: Waiting | undefined
  let worker: Worker | undefined
  let timer: NodeJS.Timeout | undefined
  let closed = false

  function start(): Worker {
    const started = new Worker(new URL('./password-strength-main.ts', import.meta.url))
    started.unref()
    started.on('message', (verdict: StrengthVerdict) => finish(verdict))
    started.on('error', onError) // 'exit' follows
    started.once('exit', () => {
      if (worker !== started) return
      worker = undefined
      finish(BUSY)
    })
    return started
  }

  function end(): void {
    const ended = worker
    worker = undefined
    ended?.terminate().catch(onError)
  }

  function finish(verdict: StrengthVerdict): void {
    clearTimeout(timer)
    const ended = running
    running = undefined
    ended?.resolve(verdict)
    next()
  }

  function next(): void {
    if (running || closed) return
    running = queue.shift()
    if (!running) {
      timer = setTimeout(end, limits.idleMs).unref()
      return
    }
    clearTimeout(timer)
    const limitMs = worker ? limits.deadlineMs : limits.startMs
    timer = setTimeout(() => {
      end()
      finish(BUSY)
    }, limitMs)
    worker ??= start()
    worker.postMessage(running.job)
  }

  return {
    get hasThread() {
      return worker !== undefined
    },
    estimate(password, context) {
      if (closed || queue.length >= limits.maxWaiting) return Promise.resolve(BUSY)
      return new Promise(resolve => {
        queue.push({ job: { password, context }, resolve })
        next()
      })
    },
    async [Symbol.asyncDispose]() {
      closed = true
      clearTimeout(timer)
      for (const waiting of running ? [running, ...queue.splice(0)] : queue.splice(0)) waiting.resolve(BUSY)
      running = undefined
      await worker?.terminate()
    },
  }
}
