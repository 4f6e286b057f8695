import { parseIdentity } from '@fluxgate/contracts'
import type { ProjectedView } from '@fluxgate/forensics'
import { asOf, openDatabase, settledByIdentity, settledRequests } from '@fluxgate/read-model'
import { EXIT, Trouble } from '../core/fault.ts'

/** Rows are deleted by the day: near the limit they may be there or not. */
const DAY_MS = 86_400_000
const MAX_CONNECTIONS = 1

/** What the tables hold of the log. Connects with the first question. */
export function openTables(url: string, requestsKeptMs: number): ProjectedView & AsyncDisposable {
  const db = openDatabase(url, {
    ...{ max: MAX_CONNECTIONS, applicationName: 'forensics', statementTimeoutMs: 0 },
  })
  return {
    keptFromMs: Date.now() - requestsKeptMs + DAY_MS,

    async positions() {
      const rows = await told(asOf(db))
      return new Map(rows.map(({ stream, sequence }) => [stream, sequence]))
    },

    async sums(fromSequence, toSequence) {
      const rows = await told(settledByIdentity(db, fromSequence, toSequence))
      return new Map(
        rows.map(({ userId, keyId, settled, totalTokens }) => [
          `${userId}.${keyId}`,
          { settled, totalTokens },
        ]),
      )
    },

    async requests(text, fromSequence, toSequence) {
      const identity = parseIdentity(text)
      if (!identity) return new Map()
      const rows = await told(settledRequests(db, identity, fromSequence, toSequence))
      return new Map(rows.map(({ request, totalTokens }) => [request, totalTokens]))
    },

    [Symbol.asyncDispose]: () => db.destroy(),
  }
}

async function told<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    const { message, code } = cause as Error & { code?: string }
    const reason = message === '' ? (code ?? 'no answer') : message
    throw new Trouble(EXIT.unreachable, `the tables cannot be read: ${reason}`, { cause })
  }
}
