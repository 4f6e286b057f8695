import {
  callerFilter,
  isStoredUnder,
  type LogPosition,
  parseIdentity,
  placeOf,
  positionText,
  STREAMS,
  type StoredEvent,
  TokensSettled,
  totalTokens,
} from '@fluxgate/contracts'
import type { NatsLink } from '@fluxgate/nats'
import { Conservation, type ConservationLimits, DEFAULT_CONSERVATION_LIMITS } from '../core/conservation.ts'
import { ALL_STREAMS, type Range, type Unreadable } from '../core/log-source.ts'
import { Seen } from '../core/seen.ts'
import { SequenceGaps } from '../core/sequence-gaps.ts'
import { addSettled, countsOfSettled, noSettled, type SettledCounts } from '../core/settled-counts.ts'
import { differences, SettledSums } from '../core/settled-sums.ts'
import { StreamHoles } from '../core/stream-holes.ts'
import type { DroppedPart, ProjectedVerdict, ProjectedView, Verdict } from '../core/verdict.ts'
import type { Violation, ViolationKind } from '../core/violation.ts'
import { type DeadLetter, deadLetters } from './dead-letters.ts'
import { factOf, type Reading, readEvents, readMessages } from './read.ts'
import { type RetainedRange, retention } from './retention.ts'

export interface VerifyOptions {
  readonly range: Range
  /** Compared with, when there are tables. */
  readonly projected?: ProjectedView | undefined
  readonly limits?: Partial<ConservationLimits>
  readonly nowMs: number
}

/** Checks a range of the log for every promise that it makes, and names what breaks one. Reads it once. */
export async function verify(
  link: NatsLink,
  { range, projected, limits: some, nowMs }: VerifyOptions,
  reading: Reading = {},
): Promise<Verdict> {
  const limits = { ...DEFAULT_CONSERVATION_LIMITS, ...some }
  // The tables are asked first: what they hold then, the log holds all the more.
  const positions = await projected?.positions()
  const kept = await retention(link, nowMs)
  const fromMs = judgedFrom(range, kept)
  const toMs = Math.min(range.toMs ?? nowMs, nowMs)
  const through = positions?.get(STREAMS.tokens) ?? 0
  const fold = new VerifyFold(
    { fromMs, toMs },
    limits,
    new SettledSums(through, projected?.retainedFromMs ?? 0),
  )
  const edges = { fromMs: fromMs - limits.closingMs, toMs: toMs + limits.closingMs }
  const sources = ALL_STREAMS.map(stream => ({ stream }))
  for await (const messages of readMessages(link, sources, edges, reading)) {
    for (const message of messages) fold.add(factOf(message))
  }
  for (const letter of await deadLetters(link, { fromMs, toMs }, reading.signal)) fold.addDeadLetter(letter)

  if (range.toMs === undefined && !reading.signal?.aborted) fold.addEnds(kept)
  const told = fold.finish(Math.min(nowMs, edges.toMs))
  const offenders = [...told.offenders, ...behindTables(kept, positions)]
  let compared: ProjectedVerdict | undefined
  if (projected && !reading.signal?.aborted) {
    const found = await compare(link, projected, fold.settled, reading)
    compared = found.verdict
    offenders.push(...found.offenders)
  }
  return {
    holds: offenders.length === 0,
    fromMs: Number.isFinite(fromMs) ? fromMs : null,
    toMs,
    dropped: droppedFrom(range, kept),
    whole: told.whole,
    identities: told.identities,
    endedOfBefore: told.endedOfBefore,
    projected: compared,
    events: fold.events,
    offenders,
  }
}

/**
 * Of a range that reaches back further than a stream does, only the part is judged that all of them hold. What strangers
 * were refused may be dropped at any rate that they like, and nothing else depends on it.
 */
function judgedFrom({ fromMs = Number.NEGATIVE_INFINITY }: Range, kept: readonly RetainedRange[]): number {
  const judged = kept.filter(({ stream }) => stream !== STREAMS.refusals)
  return Math.max(fromMs, ...judged.map(({ wholeFromMs }) => wholeFromMs))
}

function droppedFrom(
  { fromMs = Number.NEGATIVE_INFINITY }: Range,
  kept: readonly RetainedRange[],
): DroppedPart[] {
  return kept
    .filter(({ wholeFromMs }) => wholeFromMs > fromMs)
    .map(({ stream, dropped, firstStoredAtMs }) => ({ stream, messages: dropped, firstStoredAtMs }))
}

function behindTables(
  kept: readonly RetainedRange[],
  positions: ReadonlyMap<string, number> | undefined,
): Violation[] {
  return kept.flatMap(({ stream, lastSequence }) => {
    const position = positions?.get(stream) ?? 0
    if (position <= lastSequence) return []
    const detail = `the tables hold ${stream} up to ${position}, and it ends at ${lastSequence}: its end was lost`
    return [{ offence: 'tables_ahead_of_log' as const, detail, places: [{ stream, sequence: position }] }]
  })
}

/** All folds of one reading. */
class VerifyFold {
  readonly #range: { fromMs: number; toMs: number }
  readonly #requests: Conservation
  readonly #gaps = new SequenceGaps()
  readonly #holes = new StreamHoles()
  readonly #offenders: Violation[] = []
  readonly #ids: Seen
  readonly settled: SettledSums
  events = 0

  constructor(range: { fromMs: number; toMs: number }, limits: ConservationLimits, settled: SettledSums) {
    this.#range = range
    this.#requests = new Conservation(range, limits)
    this.#ids = new Seen(limits.maxRemembered)
    this.settled = settled
  }

  add(entry: StoredEvent | Unreadable): void {
    const { stream, sequence, storedAtMs } = entry
    const place = placeOf(entry)
    const isInRange = storedAtMs >= this.#range.fromMs && storedAtMs <= this.#range.toMs
    if (isInRange) this.events++
    this.#holes.add(stream, sequence, isInRange)
    if (!('event' in entry)) {
      if (isInRange) this.#accuse('unreadable', `${positionText(place)} is no event: ${entry.reason}`, place)
      return
    }
    const { event } = entry
    if (isInRange && !isStoredUnder(entry.subject, event)) {
      const detail = `${event.type} about ${event.subject} is stored under ${entry.subject}`
      this.#accuse('wrong_subject', detail, place)
    }
    this.#gaps.add(event.source, event.sequence)
    // Two publishers may tell one event, under an id made from what it says; one of them tells nothing twice.
    if (isInRange && !this.#ids.isNew(`${event.source} ${event.id}`)) {
      const detail = `${event.type} ${event.id} of ${event.source} is in the log again at ${positionText(place)}`
      this.#accuse('stored_twice', detail, place)
    }
    const isFirst = this.#requests.add(entry)
    if (isFirst && event.type === 'fluxgate.tokens.settled') {
      const { total, usage } = event.data
      if (total !== totalTokens(usage)) {
        const detail = `${event.data.request} is settled at ${total} tokens, and its parts are ${totalTokens(usage)}`
        this.#accuse('wrong_total', detail, place)
      }
      this.settled.add(event.subject, countsOfSettled(event.data), sequence, storedAtMs)
    }
  }

  addEnds(kept: readonly RetainedRange[]): void {
    for (const span of kept) this.#holes.addEnd(span)
  }

  addDeadLetter({
    stream,
    streamSequence: sequence,
    streamIndex: index,
    consumer,
    reason,
  }: DeadLetter): void {
    const place = placeOf({ stream, sequence, index })
    this.#accuse('dead_letter', `put aside by ${consumer}: ${reason}`, place)
  }

  finish(endMs: number) {
    const { whole, identities, offenders } = this.#requests.finish(endMs)
    const gaps = this.#gaps.list(this.#range.fromMs).map(({ source, first, last }): Violation => {
      const which = first === last ? `number ${first}` : `numbers ${first} to ${last}`
      return {
        offence: 'missing_from_source',
        detail: `${source} gave ${which}, and no stream holds it`,
        places: [],
      }
    })
    const all = [...offenders, ...gaps, ...this.#holes.offenders, ...this.#offenders]
    return { whole, identities, offenders: all, endedOfBefore: this.#requests.endedOfBefore }
  }

  #accuse(offence: ViolationKind, detail: string, place: LogPosition): void {
    this.#offenders.push({ offence, detail, places: [place] })
  }
}

/** Σ settled = Σ projected, for each identity; where it is not, the requests that make the difference. */
async function compare(
  link: NatsLink,
  projected: ProjectedView,
  settled: SettledSums,
  reading: Reading,
): Promise<{ verdict: ProjectedVerdict; offenders: Violation[] }> {
  const { fromSequence, toSequence, all: inLog, notCompared } = settled
  const tables = await projected.sums(fromSequence, toSequence)
  const inTables = noSettled()
  for (const sum of tables.values()) addSettled(inTables, sum, sum.settled)
  const offenders: Violation[] = []
  for (const identity of settled.differing(tables)) {
    const log = await settledOf(link, identity, fromSequence, toSequence, reading)
    const rows = await projected.requests(identity, fromSequence, toSequence)
    offenders.push(...differences(identity, log, rows, STREAMS.tokens))
  }
  return { verdict: { fromSequence, toSequence, inLog, inTables, notCompared }, offenders }
}

/** Request → its first settlement in a part of TOKENS, of one identity. */
async function settledOf(
  link: NatsLink,
  text: string,
  fromSequence: number,
  toSequence: number,
  { signal }: Reading,
): Promise<Map<string, { counts: SettledCounts; sequence: number }>> {
  const found = new Map<string, { counts: SettledCounts; sequence: number }>()
  const identity = parseIdentity(text)
  if (!identity) return found
  const subject = callerFilter('tokens', { ...identity, kind: TokensSettled.kind })
  const source = { stream: 'tokens' as const, subject }
  for await (const entries of readEvents(link, [source], {}, { signal })) {
    for (const { event, sequence } of entries) {
      if (sequence < fromSequence || sequence > toSequence || event.type !== 'fluxgate.tokens.settled')
        continue
      const { request } = event.data
      if (!found.has(request)) found.set(request, { counts: countsOfSettled(event.data), sequence })
    }
  }
  return found
}
