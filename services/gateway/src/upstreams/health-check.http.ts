import type { Pool } from 'undici'
import type { HealthCheck as Check, UpstreamSpec } from './upstream-spec.ts'
import type { UpstreamStatus } from './upstream-status.ts'

const JITTER = 0.1
const MAX_BODY_BYTES = 64 * 1024

/** Asks an upstream's health path again and again; a tenth of the interval is random, so that nodes do not ask together. */
export class HealthCheck {
  readonly #pool: Pool
  readonly #spec: UpstreamSpec
  readonly #check: Check
  readonly #random: () => number
  readonly #stopped = new AbortController()
  #failures = 0
  #timer: NodeJS.Timeout | undefined
  lastError: UpstreamStatus['lastError'] = null

  constructor(pool: Pool, spec: UpstreamSpec, check: Check, random: () => number) {
    this.#pool = pool
    this.#spec = spec
    this.#check = check
    this.#random = random
    this.#next(0)
  }

  get healthy(): boolean {
    return this.#failures < this.#check.failures
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    this.#stopped.abort()
  }

  #next(inMs: number): void {
    this.#timer = setTimeout(() => {
      void this.#ask().then(() => {
        const { intervalMs } = this.#check
        if (!this.#stopped.signal.aborted) this.#next(intervalMs * (1 - JITTER * this.#random()))
      })
    }, inMs)
    this.#timer.unref()
  }

  async #ask(): Promise<void> {
    const { path, timeoutMs, expect } = this.#check
    try {
      const { statusCode, body } = await this.#pool.request({
        path: this.#spec.prefix + path,
        method: 'GET',
        headers: { 'accept-encoding': 'identity', ...this.#spec.headers },
        signal: AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(timeoutMs)]),
      })
      await body.dump({ limit: MAX_BODY_BYTES })
      if (expect.includes(statusCode)) this.#failures = 0
      else this.#failed(`status ${statusCode}`)
    } catch (error) {
      if (!this.#stopped.signal.aborted) this.#failed((error as Error).message)
    }
  }

  #failed(why: string): void {
    this.#failures++
    this.lastError = { code: 'health_check', message: `Health check: ${why}`.slice(0, 256), at: Date.now() }
  }
}
