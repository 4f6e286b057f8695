import { Worker } from 'node:worker_threads'
import type { GuardPolicy } from '@fluxgate/contracts'
import type { StoredMessage } from '@fluxgate/nats'
import type { WhatIfResult } from '../core/what-if.ts'
import { type PackedMessages, pack } from './packed-messages.ts'

/** What the thread begins with. */
export interface WhatIfTask {
  readonly policy: GuardPolicy
  readonly fromMs: number
  readonly toMs: number
  /** Names that packed messages tell by index. */
  readonly streams: readonly string[]
}

/** `undefined`: that was all. */
export type WhatIfInput = PackedMessages | undefined
/** A batch was folded, or the result. */
export type WhatIfOutput = 'folded' | WhatIfResult

/** Batches on their way to the thread, at the most. */
const MAX_AHEAD = 64

/**
 * Decodes and folds in a thread of its own, because that takes as long as reading the messages from the log.
 * @throws what the thread throws
 */
export class WhatIfThread implements AsyncDisposable {
  readonly #worker: Worker
  readonly #streams: readonly string[]
  readonly #result = Promise.withResolvers<WhatIfResult>()
  #ahead = 0
  #onFolded: (() => void) | undefined

  constructor(task: WhatIfTask) {
    this.#streams = task.streams
    this.#worker = new Worker(new URL('./what-if-main.ts', import.meta.url), { workerData: task })
    this.#worker.on('message', (output: WhatIfOutput) => this.#receive(output))
    this.#worker.on('error', error => this.#result.reject(error))
    this.#worker.on('exit', () => this.#result.reject(new Error('the what-if thread has ended')))
    // Whoever waits learns of it; until then a broken thread is nobody's unhandled rejection.
    this.#result.promise.catch(() => {})
  }

  /** Resolves when there is room for more. */
  async add(messages: readonly StoredMessage[]): Promise<void> {
    const packed = pack(messages, this.#streams)
    this.#worker.postMessage(packed satisfies WhatIfInput, [packed.bytes.buffer, packed.places.buffer])
    this.#ahead++
    while (this.#ahead >= MAX_AHEAD) {
      const folded = new Promise<void>(resolve => {
        this.#onFolded = resolve
      })
      await Promise.race([folded, this.#result.promise])
    }
  }

  finish(): Promise<WhatIfResult> {
    this.#worker.postMessage(undefined satisfies WhatIfInput)
    return this.#result.promise
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate()
  }

  #receive(output: WhatIfOutput): void {
    if (output !== 'folded') {
      this.#result.resolve(output)
      return
    }
    this.#ahead--
    this.#onFolded?.()
  }
}
