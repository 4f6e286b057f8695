import {
  type EventMaker,
  encodeEvent,
  type FluxgateEvent,
  type OutgoingEvent,
  type Parsed,
  type Prices,
  parseBatch,
  parseEvent,
  readSchemas,
  type TierName,
} from '@fluxgate/contracts'
import { findStored, type NatsLink, readStreamEnds } from '@fluxgate/nats'
import type { Log } from '@fluxgate/runtime'
import { type Adopted, type OtherSpools, openSpool, type Spool, type SpoolRecord } from '../spool/index.ts'
import { isFolded, OpenRequests } from './open-requests.ts'
import { settleOpen } from './settle-open.ts'
import { findReported } from './spool-progress.nats.ts'

export interface SpoolConfig {
  readonly root: string
  readonly node: string
  /** Of this process; sorts by time. */
  readonly boot: string
  readonly maxBytes: number
  readonly fsync: 'off' | 'commit'
}

export interface NodeSpool {
  readonly spool: Spool
  /** Requests that dead nodes had admitted and not told to their end. */
  readonly left: OpenRequests
  /** Spools beside this one. */
  others(): OtherSpools
  /**
   * Takes over what nodes left that died meanwhile; their events go out after those that are here.
   * @returns requests that they had admitted and not told to their end; undefined when there was nothing to take
   */
  adoptDead(signal: AbortSignal): Promise<OpenRequests | undefined>
}

/**
 * This node's spool, with those of dead nodes in its data directory; their events go out first, each once.
 * @param carry what must be known of the running requests when everything before is forgotten
 */
export async function openNodeSpool(
  link: NatsLink,
  config: SpoolConfig,
  carry: () => Iterable<OutgoingEvent>,
  onTaken: () => void,
  log: Log,
): Promise<NodeSpool> {
  const { left, onRecord } = foldOf(log)
  const opened = openSpool({
    root: config.root,
    node: config.node,
    boot: config.boot,
    fsync: config.fsync,
    limits: { maxBytes: config.maxBytes },
    carry: () => spooled(carry()),
    onRecord,
    onTaken,
    log,
  })
  const { spool, adopted } = opened
  spool.recordEnds(await readStreamEnds(link))
  await skipStored(link, spool, adopted)
  return {
    spool,
    left,
    others: opened.others,
    async adoptDead(signal) {
      const { left: open, onRecord: fold } = foldOf(log)
      const dead = await opened.takeDead(fold)
      if (dead.length === 0) return undefined
      await skipStored(link, spool, dead, signal)
      return spool.addAdopted(dead) ? open : undefined
    },
  }
}

function foldOf(log: Log) {
  const left = new OpenRequests()
  const onRecord = (record: SpoolRecord) => {
    const { subject } = record
    for (const parsed of eventsOf(record)) {
      if (parsed.ok) left.apply({ subject, event: parsed.value })
      else
        log.error(
          { subject, reason: parsed.reason },
          'an event of a dead node does not parse; it is published',
        )
    }
  }
  return { left, onRecord }
}

function eventsOf({ subject, payload, part }: SpoolRecord): Parsed<FluxgateEvent>[] {
  if (part === undefined) return isFolded(subject) ? [parseEvent(payload)] : []
  const { batch: id, first, source, schemas } = part
  return parseBatch(payload, { id, first, source, schemas: readSchemas(schemas) })
}

async function skipStored(
  link: NatsLink,
  spool: Spool,
  adopted: readonly Adopted[],
  signal?: AbortSignal,
): Promise<void> {
  for (const { uncertain, ends } of adopted) {
    if (uncertain.length > 0) spool.skip(await findStored(link, uncertain, ends, signal))
  }
}

function* spooled(events: Iterable<OutgoingEvent>) {
  for (const { subject, event } of events) {
    yield { subject, id: event.id, payload: encodeEvent(event), part: undefined }
  }
}

export interface RecoveryDeps {
  readonly link: NatsLink
  readonly make: EventMaker
  readonly append: (event: OutgoingEvent) => void
  readonly refillRateOf: (identityText: string, tier: TierName) => number
  readonly prices: Pick<Prices, 'book'>
  readonly log: Log
}

/** Appends the missing endings and settlements of dead nodes. A node that had lost its disk may have told them itself. */
export async function settleLeft(left: OpenRequests, deps: RecoveryDeps): Promise<void> {
  if (left.size === 0) return
  const found = left.size
  for await (const event of findReported(deps.link, left.values())) left.apply(event)
  for (const open of left.values()) {
    for (const event of settleOpen(open, deps.make, deps.refillRateOf, deps.prices)) deps.append(event)
  }
  deps.log.warn({ found, settled: left.size }, 'requests of a dead node are interrupted and settled')
}
