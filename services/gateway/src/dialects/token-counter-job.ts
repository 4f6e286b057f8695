import type { BufferedResponse, Counted } from './count.ts'
import type { Dialect } from './dialect.ts'

/** What goes to the thread that counts: one job at a time. */
export interface CountJob {
  readonly dialect: Dialect['name']
  readonly body: Uint8Array | undefined
  readonly answer: { readonly form: BufferedResponse['form']; readonly bytes: Uint8Array } | undefined
  /** The job is given up after this time. */
  readonly limitMs: number
}

/** What comes from it: once that its tables are built, then the answer to each job. */
export type CounterSaid = 'ready' | Counted | undefined
