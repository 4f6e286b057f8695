import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '@fluxgate/runtime'
import type { OtherSpools } from '../spool/index.ts'
import type { NodeSpool } from './node-spool.fs.ts'
import type { OpenRequests } from './open-requests.ts'

export interface AdoptionDeps {
  readonly spool: Pick<NodeSpool, 'others' | 'adoptDead'>
  readonly everyMs: number
  readonly isConnected: () => boolean
  /** Appends the missing endings of a dead node's requests, and resolves when they are appended. */
  readonly settle: (left: OpenRequests) => Promise<void>
  /** Called when the endings are appended: what told of the requests may be deleted once those are safe. */
  readonly settled: () => void
  readonly log: Log
}

export interface SpoolAdoption extends AsyncDisposable {
  /** Spools beside this node's, as of the last look. */
  readonly others: OtherSpools
}

const NONE: OtherSpools = Object.freeze({ alive: 0, dead: 0 })

/**
 * Looks for the spools of dead nodes now and then: one that died a moment ago in another container counts as alive for a
 * minute, and one that stopped in good order while NATS was away leaves its events to whoever is there.
 */
export function adoptSpools(deps: AdoptionDeps): SpoolAdoption {
  const { spool, everyMs, isConnected, settle, settled, log } = deps
  const stop = new AbortController()
  let others = NONE
  const look = async () => {
    if (isConnected()) {
      const left = await spool.adoptDead(stop.signal)
      if (left) {
        await settle(left)
        settled()
      }
    }
    others = spool.others()
  }
  const running = (async () => {
    while (!stop.signal.aborted) {
      await look().catch(error => {
        if (!stop.signal.aborted)
          log.warn({ err: error }, 'spools of dead nodes cannot be taken over, again later')
      })
      await sleep(everyMs, undefined, { signal: stop.signal, ref: false }).catch(() => undefined)
    }
  })()
  return {
    get others() {
      return others
    },
    async [Symbol.asyncDispose]() {
      stop.abort()
      await running
    },
  }
}
