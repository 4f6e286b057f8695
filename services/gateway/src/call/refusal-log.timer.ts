import {
  ANONYMOUS,
  type EventMaker,
  eventMaker,
  KeyRejected,
  type OutgoingEvent,
  RequestRefused,
} from '@fluxgate/contracts'
import { RefusalReports } from './refusal-reports.ts'

const FLUSH_EVERY_MS = 250

export interface RefusalLogTools {
  readonly append: (event: OutgoingEvent) => void
  /** Numbers the events about known identities with the node's other events. */
  readonly make: EventMaker
  /** This run of the node, as its events name it. */
  readonly source: string
  readonly newId: () => string
  readonly logFull: () => boolean
  readonly nowMs: () => number
  readonly epochMs: () => number
}

/**
 * Reports of refused requests, as events. Those about callers without an identity have a source of their own: their
 * stream drops what is old at any rate that strangers like, and must leave no gap in the numbers of the others.
 */
export function openRefusalLog(tools: RefusalLogTools): { readonly refusals: RefusalReports } & Disposable {
  const { append, make, newId, logFull, nowMs, epochMs } = tools
  const makeForStrangers = eventMaker(`${tools.source}/refusals`, newId, epochMs)
  const refusals = new RefusalReports(({ refused, rejected, traceparent, count, windowMs }) => {
    const { request, user, key, address } = refused
    const made = user === ANONYMOUS ? makeForStrangers : make
    if (rejected !== undefined) {
      const fact = { request, user, key, address, reason: rejected, count, windowMs }
      append(made(KeyRejected, fact, { traceparent }))
    }
    append(made(RequestRefused, { ...refused, count, windowMs }, { traceparent }))
  })
  const timer = setInterval(() => {
    if (!logFull()) refusals.flush(nowMs())
  }, FLUSH_EVERY_MS)
  return { refusals, [Symbol.dispose]: () => clearInterval(timer) }
}
