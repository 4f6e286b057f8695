import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beginLife, ChildFailed, type ChildSpec, type Life, type ReadyMessage } from './life.ts'
import { LogFile } from './log-file.ts'
import type { Tell } from './notice.ts'

export interface SupervisorConfig {
  readonly logDir: string
  readonly maxLogBytes: number
  /** Wait before a child that died is started again; doubles with each death in a row. */
  readonly minBackoffMs: number
  readonly maxBackoffMs: number
  /** A child that lived this long has a clean record again. */
  readonly stableMs: number
  /** All children are gone after this: who has not stopped by then is killed. */
  readonly stopLimitMs: number
  /** Part of `stopLimitMs` that is kept for each rank that stops later. */
  readonly stopReserveMs: number
}

export const SUPERVISOR_DEFAULTS: Omit<SupervisorConfig, 'logDir'> = Object.freeze({
  maxLogBytes: 16 * 1024 ** 2,
  minBackoffMs: 1_000,
  maxBackoffMs: 30_000,
  stableMs: 30_000,
  stopLimitMs: 2_500,
  stopReserveMs: 300,
})

interface Post {
  readonly spec: ChildSpec
  readonly log: LogFile
  life: Life | undefined
}

/** Keeps child processes alive, and stops them in order: highest rank first, all within a limit. */
export class Supervisor implements AsyncDisposable {
  readonly #config: SupervisorConfig
  readonly #tell: Tell
  readonly #began: (spec: ChildSpec, pid: number) => void
  readonly #posts: Post[] = []
  readonly #stopping = new AbortController()
  #stopped: Promise<void> | undefined

  /** `began` hears of each process, the restarted ones too. */
  constructor(
    config: SupervisorConfig,
    tell: Tell,
    began: (spec: ChildSpec, pid: number) => void = () => {},
  ) {
    this.#config = config
    this.#began = began
    this.#tell = notice => {
      // What children say about each other's end is for the log files.
      if (!this.#stopping.signal.aborted) tell(notice)
    }
  }

  /** Starts a child and answers when it is ready; one that ends before that is a {@link ChildFailed}. */
  async start(spec: ChildSpec): Promise<ReadyMessage> {
    if (this.#stopping.signal.aborted) throw new ChildFailed(spec.name, 'was not started: stopping', [])
    const log = new LogFile(join(this.#config.logDir, `${spec.name}.log`), this.#config.maxLogBytes)
    const post: Post = { spec, log, life: undefined }
    this.#posts.push(post)
    const life = this.#begin(post)
    let message: ReadyMessage
    try {
      message = await life.ready
    } catch (error) {
      life.signal('SIGKILL')
      throw error
    }
    void this.#keep(post, life)
    return message
  }

  pidOf(name: string): number | undefined {
    return this.#posts.find(post => post.spec.name === name)?.life?.pid
  }

  /** Stops all; a second call waits for the first. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopAll()
    return this.#stopped
  }

  /** Ends all at once. */
  kill(): void {
    this.#stopping.abort()
    for (const post of this.#posts) post.life?.signal('SIGKILL')
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #begin(post: Post): Life {
    const life = beginLife(post.spec, post.log, this.#tell)
    // Whoever waits for it sees the failure; nobody waits for the later ones.
    life.ready.catch(() => {})
    post.life = life
    if (life.pid !== undefined) this.#began(post.spec, life.pid)
    return life
  }

  async #keep(post: Post, first: Life): Promise<void> {
    const { signal } = this.#stopping
    const { minBackoffMs, maxBackoffMs, stableMs } = this.#config
    const { name } = post.spec
    let backoffMs = minBackoffMs
    for (let life = first; ; ) {
      const bornMs = performance.now()
      const how = await life.ended
      if (signal.aborted) return
      if (performance.now() - bornMs >= stableMs) backoffMs = minBackoffMs
      this.#tell({ from: name, level: 'error', text: `${how}; starting again in ${backoffMs / 1_000} s` })
      await sleep(backoffMs, undefined, { signal }).catch(() => {})
      if (signal.aborted) return
      backoffMs = Math.min(maxBackoffMs, backoffMs * 2)
      life = this.#begin(post)
      life.ready.then(
        () => this.#tell({ from: name, level: 'info', text: 'is up again' }),
        // One that hangs in its start is as good as dead.
        () => life.signal('SIGKILL'),
      )
    }
  }

  async #stopAll(): Promise<void> {
    this.#stopping.abort()
    const { stopLimitMs, stopReserveMs } = this.#config
    const startedMs = performance.now()
    const ranks = [...new Set(this.#posts.map(post => post.spec.rank))].sort((a, b) => b - a)
    for (const [i, rank] of ranks.entries()) {
      const deadlineMs = startedMs + stopLimitMs - stopReserveMs * (ranks.length - 1 - i)
      const posts = this.#posts.filter(post => post.spec.rank === rank)
      await Promise.all(posts.map(post => endLife(post.life, deadlineMs)))
    }
    await Promise.all(this.#posts.map(post => post.log.close()))
  }
}

async function endLife(life: Life | undefined, deadlineMs: number): Promise<void> {
  if (!life) return
  life.signal('SIGTERM')
  const gone = new AbortController()
  const late = sleep(Math.max(0, deadlineMs - performance.now()), undefined, { signal: gone.signal })
  late.then(
    () => life.signal('SIGKILL'),
    () => {},
  )
  await life.ended
  gone.abort()
}
