import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { eventually } from '@fluxgate/testing'
import { type GuardBench, lease } from './test-bench.ts'

const CHILD = fileURLToPath(new URL('./test-child.ts', import.meta.url))
export const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

/** A guard as a process of its own, which a signal can end or stop at any instruction. */
export class Child implements AsyncDisposable {
  readonly process: ChildProcess
  /** Resolves when it has started. */
  readonly ready: Promise<unknown>

  constructor(bench: GuardBench, env: Record<string, string> = {}) {
    this.process = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', CHILD], {
      env: {
        PATH: process.env.PATH,
        NATS_URL: bench.server.url,
        LOG_LEVEL: 'fatal',
        GUARD_LEASE: '1s',
        GUARD_PRESET: 'strict',
        ...env,
      },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.ready = once(this.process, 'message')
  }

  async ended(): Promise<void> {
    if (!this.#isEnded()) await once(this.process, 'exit')
  }

  /** Waits until it has killed itself; fails rather than wait for ever for a child that does not. */
  async killedItself(): Promise<void> {
    await eventually(() => this.#isEnded(), { timeoutMs: 60_000 })
    assert.equal(this.process.signalCode, 'SIGKILL')
  }

  #isEnded(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill('SIGKILL')
    await this.ended()
  }
}

/**
 * Waits for a leader later than `term` whose position is stored; a busy machine may see more than one change. The first
 * leader of all begins at the end of the log, so what is told before its position stands is nothing to it.
 */
export async function ledAfter(bench: GuardBench, term = 0): Promise<number> {
  return await eventually(async () => {
    const found = await lease(bench)
    assert.ok(found.term > term && found.state !== undefined)
    return found.term
  })
}
