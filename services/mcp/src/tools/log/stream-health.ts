import { DEADLETTER_STREAM } from '@fluxgate/contracts'
import { z } from 'zod'
import { type Backends, type StreamState, ToolError } from '../../backends/index.ts'
import { answered, defineTool } from '../../calls/index.ts'
import {
  behindOf,
  freshness,
  isoTime,
  isoTimeOrNull,
  type StreamLag,
  spanText,
  timeField,
} from '../../views/index.ts'
import { streamWarnings } from './stream-warnings.ts'

const streamFields = {
  stream: z.string(),
  messages: z.int(),
  bytes: z.int(),
  maxBytes: z.int().describe('-1: no limit.'),
  full: z.number().nullable().describe('bytes / maxBytes, 0 to 1.'),
  discard: z.string().describe('When full: new refuses new events, old forgets the oldest.'),
  firstSequence: z.int(),
  lastSequence: z.int(),
  lastAt: timeField.nullable(),
  consumers: z.int(),
  projectedSequence: z.int().nullable().describe('What the tables hold; null when not projected or unknown.'),
  behindEvents: z.int().nullable(),
  lagMs: z.number().nullable(),
}

export const streamHealth = defineTool({
  name: 'stream_health',
  title: 'Health of the log',
  description:
    'The state of the event log: messages, bytes and last position of each stream, how full it is, and how far the ' +
    'projections are behind it, with warnings in words. Use it when answers look stale, when events seem to be ' +
    'missing, or to check the system itself.',
  effect: 'reads',
  input: z.strictObject({}),
  output: z.object({
    readAt: timeField,
    streams: z.array(z.object(streamFields)),
    warnings: z.array(z.string()).describe('Empty when all is well.'),
  }),

  async answer(_args, backends) {
    const lags = await projected(backends)
    const states = await backends.log.streams()
    const now = backends.nowMs()
    const streams = states.map(state => rowOf(state, lags?.get(state.stream), now))
    const warnings = streamWarnings(states, lags, now)
    return answered({ readAt: isoTime(now), streams, warnings }, [
      ...streams.map(row => {
        const full = row.full === null ? '' : `, ${Math.round(row.full * 100)} % full`
        const lag =
          row.behindEvents === null
            ? ''
            : `; projection ${row.behindEvents} behind${row.lagMs ? ` (at most ${spanText(row.lagMs)})` : ''}`
        return `- ${row.stream}: ${row.messages} messages, ${row.bytes} bytes${full}, last ${row.lastSequence} at ${row.lastAt ?? 'never'}${lag}`
      }),
      warnings.length === 0 ? 'No warnings.' : `Warnings: ${warnings.join(' ')}`,
    ])
  },
})

/** Positions that the tables hold, without what the log has; undefined when Postgres does not answer. */
async function projected(backends: Backends): Promise<ReadonlyMap<string, StreamLag> | undefined> {
  try {
    const checkpoints = await backends.tables.checkpoints()
    const streams = [...new Set(checkpoints.map(({ stream }) => stream))]
    const { streams: lags } = freshness(checkpoints, undefined, streams, backends.nowMs())
    return new Map(lags.map(lag => [lag.stream, lag]))
  } catch (error) {
    if (error instanceof ToolError) return undefined
    throw error
  }
}

function rowOf(state: StreamState, lag: StreamLag | undefined, nowMs: number) {
  const own = state.stream === DEADLETTER_STREAM ? undefined : lag
  const behindEvents = own ? behindOf({ ...own, head: state.lastSequence }) : null
  const lagMs = behindEvents === 0 ? 0 : own && own.eventAt !== null ? Math.max(0, nowMs - own.eventAt) : null
  return {
    ...state,
    full: state.maxBytes > 0 ? state.bytes / state.maxBytes : null,
    lastAt: isoTimeOrNull(state.lastAt),
    projectedSequence: own?.sequence ?? null,
    behindEvents,
    lagMs,
  }
}
