import { DEADLETTER_STREAM } from '@fluxgate/contracts'
import type { StreamState } from '../../backends/index.ts'
import { type StreamLag, spanText } from '../../views/index.ts'

const NEARLY_FULL = 0.9
const LATE_MS = 10_000

/**
 * What an operator should know of the log, one sentence each.
 * @param projected what the tables hold, by stream; undefined when that is not known
 */
export function streamWarnings(
  states: readonly StreamState[],
  projected: ReadonlyMap<string, StreamLag> | undefined,
  nowMs: number,
): string[] {
  const warnings = projected ? [] : ['The tables do not answer: how far the projections are is unknown.']
  for (const state of states) {
    if (state.stream === DEADLETTER_STREAM) {
      if (state.messages > 0)
        warnings.push(`${state.messages} messages could not be read and are dead letters.`)
      continue
    }
    warnings.push(...fillWarning(state), ...lagWarning(state, projected?.get(state.stream), nowMs))
    if (projected && !projected.has(state.stream) && state.messages > 0) {
      warnings.push(`${state.stream} is not projected at all: does the projection run?`)
    }
  }
  return warnings
}

function fillWarning({ stream, bytes, maxBytes, discard }: StreamState): string[] {
  if (maxBytes <= 0 || bytes < maxBytes * NEARLY_FULL) return []
  const consequence =
    discard === 'new' ? 'then it refuses events' : 'from then on it forgets its oldest events'
  return [`${stream} is ${Math.round((bytes / maxBytes) * 100)} % full; ${consequence}.`]
}

function lagWarning(
  { stream, lastSequence }: StreamState,
  lag: StreamLag | undefined,
  nowMs: number,
): string[] {
  if (!lag) return []
  if (lag.sequence > lastSequence) {
    return [
      `${stream} ends at ${lastSequence}, before position ${lag.sequence} that the tables hold: the log has lost events.`,
    ]
  }
  const lateMs = lag.eventAt === null ? 0 : nowMs - lag.eventAt
  if (lag.sequence === lastSequence || lateMs < LATE_MS) return []
  return [
    `The projection of ${stream} is ${lastSequence - lag.sequence} events and up to ${spanText(lateMs)} behind.`,
  ]
}
