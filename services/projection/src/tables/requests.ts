import { type EventNamed, type LogEvent, toolCalls, type Usage } from '@fluxgate/contracts'
import { type LatencyDelta, LatencyDeltas } from './latency.ts'
import { timeOf } from './log.ts'
import { emptyPatch, type KnownRequest, type RequestPatch } from './request-patch.ts'
import { cleanName, cleanText } from './text.ts'
import { noTotals, type TotalsDelta, type UsageDelta, UsageDeltas, wholeMs } from './usage.ts'

export interface RequestChanges {
  readonly patches: RequestPatch[]
  readonly usage: UsageDelta[]
  readonly latency: LatencyDelta[]
  readonly totals: TotalsDelta
}

/** What the events of a batch add beside the requests' own rows. */
interface Sums {
  readonly usage: UsageDeltas
  readonly latency: LatencyDeltas
  readonly totals: TotalsDelta
}

type Ending =
  | EventNamed<'requests.completed'>
  | EventNamed<'requests.failed'>
  | EventNamed<'requests.interrupted'>

export function requestOf(entry: LogEvent): string | undefined {
  switch (entry.event.type) {
    case 'fluxgate.requests.admitted':
    case 'fluxgate.requests.refused':
    case 'fluxgate.requests.completed':
    case 'fluxgate.requests.failed':
    case 'fluxgate.requests.interrupted':
    case 'fluxgate.tokens.progressed':
    case 'fluxgate.tokens.settled':
      return entry.event.data.request
    default:
      return undefined
  }
}

/**
 * Folds the events of many requests into one patch for each and the sums they add. Entries of one stream come in its
 * order; the two streams may be mixed in any way. A decision, ending or settlement that the row or the batch holds
 * already changes nothing and counts as repeated.
 */
export function foldRequests(
  entries: Iterable<LogEvent>,
  known: ReadonlyMap<string, KnownRequest>,
): RequestChanges {
  const patches = new Map<string, RequestPatch>()
  const sums: Sums = { usage: new UsageDeltas(), latency: new LatencyDeltas(), totals: noTotals() }
  const { totals } = sums
  for (const entry of entries) {
    const { event } = entry
    if (requestOf(entry) === undefined) continue
    const atMs = timeOf(entry)
    switch (event.type) {
      case 'fluxgate.requests.admitted':
      case 'fluxgate.requests.refused': {
        const patch = patchFor(patches, atMs, event.data)
        if (known.get(patch.id)?.decided || patch.decidedSequence !== null) totals.repeated++
        else decide(patch, entry.sequence, atMs, event, sums)
        break
      }
      case 'fluxgate.requests.completed':
      case 'fluxgate.requests.failed':
      case 'fluxgate.requests.interrupted': {
        const patch = patchFor(patches, atMs, event.data)
        if (known.get(patch.id)?.ended || patch.endedSequence !== null) totals.repeated++
        else end(patch, entry.sequence, atMs, event, sums)
        break
      }
      case 'fluxgate.tokens.settled': {
        const patch = patchFor(patches, atMs, event.data)
        if (known.get(patch.id)?.settled || patch.settledSequence !== null) totals.repeated++
        else settle(patch, entry.sequence, atMs, event, sums)
        break
      }
      case 'fluxgate.tokens.progressed':
        progress(patchFor(patches, atMs, event.data), event)
        break
    }
  }
  return {
    patches: [...patches.values()],
    usage: sums.usage.list(),
    latency: sums.latency.list(),
    totals,
  }
}

function decide(
  patch: RequestPatch,
  sequence: number,
  atMs: number,
  event: EventNamed<'requests.admitted'> | EventNamed<'requests.refused'>,
  { usage, totals }: Sums,
): void {
  const { data } = event
  patch.decidedSequence = sequence
  patch.atMs = atMs
  patch.source = cleanText(event.source)
  patch.method = cleanText(data.method)
  patch.path = cleanText(data.path)
  patch.model = cleanName(data.model)
  patch.address = cleanText(data.address)
  patch.agent = data.agent === undefined ? null : cleanText(data.agent)
  const delta = usage.at(atMs, data.user, data.key, patch.model, '')
  if (event.type === 'fluxgate.requests.refused') {
    if (patch.endedSequence === null) patch.state = 'refused'
    patch.status ??= event.data.status
    patch.reason ??= event.data.reason
    patch.retryAfterMs = event.data.retryAfterMs ?? null
    patch.refusedBy = event.data.limit === undefined ? null : cleanName(event.data.limit)
    delta.refused += event.data.count
    totals.refused += event.data.count
    return
  }
  const { tier, dialect, stream, promptChars, promptEstimate, reserved } = event.data
  patch.tier = tier
  patch.dialect = dialect
  patch.stream = stream
  patch.promptChars = promptChars
  patch.promptEstimate = promptEstimate
  if (patch.settledSequence === null) patch.reserved = Math.max(patch.reserved ?? 0, reserved)
  delta.admitted++
  totals.admitted++
}

function end(
  patch: RequestPatch,
  sequence: number,
  atMs: number,
  event: Ending,
  { usage, latency, totals }: Sums,
): void {
  const { data } = event
  const model = cleanName(data.model)
  const state = event.type.slice('fluxgate.requests.'.length) as 'completed' | 'failed' | 'interrupted'
  patch.endedSequence = sequence
  patch.endedAtMs = atMs
  patch.state = state
  if (patch.decidedSequence === null) patch.model = model
  if (data.answered !== undefined) patch.answeredModel = cleanName(data.answered)
  patch.upstream = cleanName(data.upstream)
  patch.status = data.status
  patch.durationMs = data.durationMs
  patch.firstByteMs = data.firstByteMs ?? null
  patch.bytes = data.bytes
  patch.attempts = data.attempts ?? 1
  if (event.type === 'fluxgate.requests.failed') {
    patch.reason = cleanText(event.data.code)
    patch.phase = event.data.phase
    patch.message = cleanText(event.data.message)
  } else if (event.type === 'fluxgate.requests.interrupted') {
    patch.reason = event.data.by
  }
  const delta = usage.at(atMs, data.user, data.key, model, patch.upstream)
  delta[state]++
  totals[state]++
  delta.durationMsSum += wholeMs(data.durationMs)
  delta.bytes += data.bytes
  if (data.firstByteMs !== undefined) {
    delta.firstByteMsSum += wholeMs(data.firstByteMs)
    delta.firstByteCount++
  }
  latency.add(atMs, model, patch.upstream, data.durationMs, data.firstByteMs)
}

function settle(
  patch: RequestPatch,
  sequence: number,
  atMs: number,
  event: EventNamed<'tokens.settled'>,
  { usage, totals }: Sums,
): void {
  const { data } = event
  const model = cleanName(data.model)
  const upstream = cleanName(data.upstream)
  patch.settledSequence = sequence
  patch.settledAtMs = atMs
  if (patch.decidedSequence === null) {
    patch.tier = data.tier
    if (patch.endedSequence === null) patch.model = model
  }
  if (patch.endedSequence === null) patch.upstream = upstream
  patch.reserved = data.reserved
  const used = countsOf(data.usage)
  Object.assign(patch, used)
  patch.totalTokens = data.total
  patch.answeredModel ??= data.answered === undefined ? null : cleanName(data.answered)
  patch.costMicros = data.costMicros ?? null
  patch.tokenSource = data.source
  const delta = usage.at(atMs, data.user, data.key, model, upstream)
  for (const sum of [delta, totals]) {
    sum.settled++
    sum.totalTokens += data.total
    for (const name of COUNTED) sum[name] += used[name] ?? 0
    sum.costMicros += data.costMicros ?? 0
  }
}

type Counted = Pick<RequestPatch, (typeof COUNTED)[number]>

const COUNTED = [
  'promptTokens',
  'completionTokens',
  'cachedTokens',
  'cacheWrite5mTokens',
  'cacheWrite1hTokens',
  'reasoningTokens',
  'audioInputTokens',
  'audioOutputTokens',
  'images',
  'toolCalls',
] as const

/** The columns of a settlement's usage; null for what the vendor has not reported. */
function countsOf(usage: Usage): Counted {
  return {
    promptTokens: usage.input,
    completionTokens: usage.output,
    cachedTokens: usage.cachedInput ?? null,
    cacheWrite5mTokens: usage.cacheWrite5m ?? null,
    cacheWrite1hTokens: usage.cacheWrite1h ?? null,
    reasoningTokens: usage.reasoning ?? null,
    audioInputTokens: usage.audioInput ?? null,
    audioOutputTokens: usage.audioOutput ?? null,
    images: usage.images ?? null,
    toolCalls: usage.tools === undefined ? null : toolCalls(usage),
  }
}

function progress(patch: RequestPatch, { data }: EventNamed<'tokens.progressed'>): void {
  if (patch.settledSequence !== null) return
  patch.promptTokens = Math.max(patch.promptTokens ?? 0, data.prompt)
  patch.completionTokens = Math.max(patch.completionTokens ?? 0, data.completion)
  patch.totalTokens = patch.promptTokens + patch.completionTokens
  if (patch.decidedSequence !== null) return
  patch.tier ??= data.tier
  patch.model ??= cleanName(data.model)
}

/** The request's patch of this batch, with the time of its first event. */
function patchFor(
  patches: Map<string, RequestPatch>,
  atMs: number,
  data: { request: string; user: string; key: string },
): RequestPatch {
  let patch = patches.get(data.request)
  if (!patch) {
    patch = emptyPatch(data.request, data.user, data.key, atMs)
    patches.set(data.request, patch)
  } else if (patch.decidedSequence === null) {
    patch.atMs = Math.min(patch.atMs, atMs)
  }
  return patch
}
