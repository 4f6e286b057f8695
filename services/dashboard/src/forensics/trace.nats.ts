import { findRequest, missingOf, stepsOf, timeOfId } from '@fluxgate/forensics'
import type { NatsLink } from '@fluxgate/nats'
import { asOf, type Database, getRequest } from '@fluxgate/read-model'
import { namesOfIdentity } from '../accounts/index.ts'
import type { ForensicsLimits } from '../config.ts'
import type { TraceView } from './answers.ts'
import { rowOf } from './event-row.ts'
import { barsOf } from './trace-bars.ts'

/** The events of one request, and the phases between them; undefined when the log has none. */
export async function traceRequest(
  db: Database,
  link: NatsLink,
  request: string,
  { traceScanned: maxScanned }: ForensicsLimits,
  signal: AbortSignal,
): Promise<TraceView | undefined> {
  // The tables know whose it is, which narrows the search to that identity's subjects.
  const row = await getRequest(db, request)
  const identity = row && row.userId !== 'anonymous' ? { user: row.userId, key: row.keyId } : undefined
  const fromMs = timeOfId(request) ?? row?.at
  const { items, cut } = await findRequest(link, { request, identity, fromMs, maxScanned }, signal)
  const steps = stepsOf(items)
  if (steps.length === 0) return undefined
  const positions = (await asOf(db)).filter(({ stream }) => steps.some(step => step.stream === stream))
  const projected =
    positions.length === 0
      ? null
      : steps.every(step => positions.some(at => at.stream === step.stream && at.sequence >= step.sequence))
  // A position is stored with its rows: only while it still stands at this request does its time tell when that was.
  const exact = positions.find(at =>
    steps.some(step => step.stream === at.stream && step.sequence === at.sequence),
  )
  const { startMs, bars } = barsOf(steps, projected ? exact?.updatedAt : undefined)
  const rows = steps.map(step => ({ ...rowOf(step), ...timesOf(step) }))
  const owner = rows.find(each => each.identity !== null)?.identity ?? null
  return {
    request,
    identity: owner,
    names: await namesOfIdentity(db, owner),
    steps: rows,
    startedAt: startMs,
    bars,
    missing: missingOf(items),
    projected,
    cut,
  }
}

function timesOf({ atMs: time, sinceStartMs, sinceLastMs }: ReturnType<typeof stepsOf>[number]) {
  return { time, sinceStartMs, sinceLastMs }
}
