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

/**
 * Counts tokens with the tokenizer of OpenAI's newer models (o200k_base) in a thread of its own, one call at a time. The
 * thread is started by the first call that needs it, because its tables take 120 MB and most model servers report their
 * usage; until it is ready, calls wait longer. A call that is not counted at its deadline, that finds the queue full, or
 * whose thread broke is not counted at all.
 */
export function openTokenCounter(
  limits: CountLimits,
  nowMs: () => number,
  onError: (error: Error) => void,
): TokenCounter {
  let queue: Waiting[] = []
  let running: Waiting | undefined
  let closed = false
  let worker: Worker | undefined
  let isReady = false

  function start(): Worker {
    const started = new Worker(new URL('./token-counter-main.ts', import.meta.url))
    started.unref()
    started.on('message', (said: CounterSaid) => {
      if (said === 'ready') isReady = true
      else finish(said)
    })
    started.on('error', onError) // 'exit' follows
    started.once('exit', () => {
      if (worker === started) worker = undefined
      isReady = false
      finish(undefined)
    })
    return started
  }

  function finish(counted: Counted | undefined): void {
    const ended = running
    running = undefined
    if (ended) answer(ended, counted)
    next()
  }

  function next(): void {
    while (!running && !closed) {
      const waiting = queue.shift()
      if (!waiting) return
      if (waiting.timer === undefined) continue // answered at its deadline
      running = waiting
      const job = jobOf(waiting.ask, Math.min(waiting.untilMs - nowMs(), limits.countDeadlineMs))
      worker ??= start()
      worker.postMessage(job, buffersOf(job))
    }
  }

  return {
    get waiting() {
      return queue.length
    },
    count(ask, done) {
      if (closed || queue.length >= limits.maxWaitingCounts) {
        done(undefined)
        return
      }
      const waitMs = limits.countDeadlineMs + (isReady ? 0 : limits.counterStartMs)
      const waiting: Waiting = { ask, done, untilMs: nowMs() + waitMs, timer: undefined }
      waiting.timer = setTimeout(() => answer(waiting, undefined), waitMs)
      queue.push(waiting)
      next()
    },
    async [Symbol.asyncDispose]() {
      closed = true
      const rest = running ? [running, ...queue] : queue
      queue = []
      running = undefined
      for (const waiting of rest) answer(waiting, undefined)
      await worker?.terminate()
    },
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
