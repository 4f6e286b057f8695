import { DAY_MS } from '@fluxgate/contracts'
import type { ProjectedView } from '@fluxgate/forensics'
import { openDatabase, settledView } from '@fluxgate/read-model'
import { EXIT, UserError } from './user-error.ts'

/** Rows are deleted by the day: near the limit they may be there or not. */
const MAX_CONNECTIONS = 1

/** What the tables hold of the log. Connects with the first question. */
export function openTables(url: string, requestRetentionMs: number): ProjectedView & AsyncDisposable {
  const db = openDatabase(url, {
    max: MAX_CONNECTIONS,
    applicationName: 'forensics',
    statementTimeoutMs: 0,
  })
  const view = settledView(db)
  return {
    retainedFromMs: Date.now() - requestRetentionMs + DAY_MS,
    positions: () => told(view.positions()),
    sums: (from, to) => told(view.sums(from, to)),
    requests: (identity, from, to) => told(view.requests(identity, from, to)),
    [Symbol.asyncDispose]: () => db.destroy(),
  }
}

async function told<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    const { message, code } = cause as Error & { code?: string }
    const reason = message === '' ? (code ?? 'no answer') : message
    throw new UserError(EXIT.unreachable, `the tables cannot be read: ${reason}`, { cause })
  }
}
