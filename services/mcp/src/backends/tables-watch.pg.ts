import { setTimeout as sleep } from 'node:timers/promises'
import type { Tables } from './backends.ts'

export interface TablesWatch extends AsyncDisposable {
  /** Why the tables do not answer; undefined while they do. */
  readonly error: string | undefined
}

/** Queries the tables periodically, so that readiness is known before the first call. */
export function watchTables(tables: Tables, everyMs: number): TablesWatch {
  const stop = new AbortController()
  let error: string | undefined = 'not asked yet'
  const watching = (async () => {
    while (!stop.signal.aborted) {
      try {
        await tables.checkpoints()
        error = undefined
      } catch (caught) {
        const { cause } = caught as Error
        error = cause instanceof Error ? cause.message : (caught as Error).message
      }
      await sleep(everyMs, undefined, { signal: stop.signal, ref: false }).catch(() => {})
    }
  })()
  return {
    get error() {
      return error
    },
    async [Symbol.asyncDispose]() {
      stop.abort()
      await watching
    },
  }
}
