import { setTimeout as sleep } from 'node:timers/promises'
import type { Tables } from '../core/desk.ts'

export interface TablesWatch extends AsyncDisposable {
  /** Why the tables do not answer; undefined while they do. */
  readonly fault: string | undefined
}

/** Asks the tables now and then, so that readiness is known before somebody asks a question. */
export function watchTables(tables: Tables, everyMs: number): TablesWatch {
  const stop = new AbortController()
  let fault: string | undefined = 'not asked yet'
  const watching = (async () => {
    while (!stop.signal.aborted) {
      try {
        await tables.checkpoints()
        fault = undefined
      } catch (error) {
        const { cause } = error as Error
        fault = cause instanceof Error ? cause.message : (error as Error).message
      }
      await sleep(everyMs, undefined, { signal: stop.signal, ref: false }).catch(() => {})
    }
  })()
  return {
    get fault() {
      return fault
    },
    async [Symbol.asyncDispose]() {
      stop.abort()
      await watching
    },
  }
}
