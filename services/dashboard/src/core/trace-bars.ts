import type { Step } from '@fluxgate/forensics'
import type { TraceBar } from './wire-forensics.ts'

/**
 * The stretches of a request's life, in milliseconds from its first step. Events say when they happened by their node's
 * clock; the ending says how long the answer took and when its first byte came. What was stored when is the log's clock.
 */
export function barsOf(steps: readonly Step[], projectedAtMs: number | undefined): TraceBar[] {
  const first = steps[0]
  if (!first) return []
  const bars: TraceBar[] = []
  const bar = (name: string, fromMs: number, toMs: number, note: string) =>
    bars.push({ name, fromMs: fromMs - first.atMs, toMs: Math.max(fromMs, toMs) - first.atMs, note })
  const admitted = steps.find(({ event }) => event.type === 'fluxgate.requests.admitted')
  const settled = steps.find(({ event }) => event.type === 'fluxgate.tokens.settled')
  const ended = endingOf(steps)
  if (admitted && ended) {
    const { data, atMs } = ended
    const beganMs = Math.min(atMs - data.durationMs, atMs)
    if (beganMs > admitted.atMs) bar('Admitted', admitted.atMs, beganMs, 'until the upstream was asked')
    if (data.firstByteMs === undefined) {
      bar('Upstream', beganMs, atMs, `${data.upstream}, no byte came`)
    } else {
      const firstByteMs = Math.min(beganMs + data.firstByteMs, atMs)
      bar('Upstream', beganMs, firstByteMs, `${data.upstream}, until its first byte`)
      bar('Answer', firstByteMs, atMs, `${data.bytes.toLocaleString('en')} bytes, until the end`)
    }
  } else if (admitted) {
    const last = steps[steps.length - 1]!
    bar('In flight', admitted.atMs, last.atMs, 'no ending is told yet')
  }
  if (settled) {
    const from = ended?.atMs ?? admitted?.atMs ?? settled.atMs
    bar('Settled', Math.min(from, settled.atMs), settled.atMs, 'until the tokens were settled')
  }
  const storedMs = Math.max(...steps.map(({ storedAtMs }) => storedAtMs))
  const toldMs = Math.max(...steps.map(({ atMs }) => atMs))
  bar('Stored', toldMs, storedMs, 'until the log held all of it')
  if (projectedAtMs !== undefined) bar('Projected', storedMs, projectedAtMs, 'until the tables held it')
  return bars
}

function endingOf(steps: readonly Step[]) {
  for (const { event, atMs } of steps) {
    switch (event.type) {
      case 'fluxgate.requests.completed':
      case 'fluxgate.requests.failed':
      case 'fluxgate.requests.interrupted':
        return { data: event.data, atMs }
    }
  }
  return undefined
}
