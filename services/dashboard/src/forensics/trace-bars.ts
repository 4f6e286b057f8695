import type { Step } from '@fluxgate/forensics'
import type { TraceBar } from './answers.ts'

/**
 * The stretches of a request's life, in milliseconds from its arrival. Events say when they happened by their node's
 * clock; the ending says how long all took from the arrival on, and when the first byte came. What was stored when is
 * told by the log's clock.
 */
export function barsOf(
  steps: readonly Step[],
  projectedAtMs: number | undefined,
): { startMs: number; bars: TraceBar[] } {
  const first = steps[0]
  if (!first) return { startMs: 0, bars: [] }
  const last = steps[steps.length - 1]!
  const ended = endingOf(steps)
  const startMs = Math.min(first.atMs, ended ? ended.atMs - ended.data.durationMs : first.atMs)
  const bars: TraceBar[] = []
  const bar = (name: string, fromMs: number, toMs: number, note: string) =>
    bars.push({ name, fromMs: fromMs - startMs, toMs: Math.max(fromMs, toMs) - startMs, note })
  const admitted = steps.find(({ event }) => event.type === 'fluxgate.requests.admitted')
  const settled = steps.find(({ event }) => event.type === 'fluxgate.tokens.settled')
  if (admitted) bar('Admission', startMs, admitted.atMs, 'from arrival to admission')
  const askedMs = admitted?.atMs ?? startMs
  if (ended) {
    const { data, atMs } = ended
    if (data.firstByteMs === undefined) {
      bar('Upstream', askedMs, atMs, `${data.upstream}: no response byte`)
    } else {
      const firstByteMs = Math.min(Math.max(startMs + data.firstByteMs, askedMs), atMs)
      bar('Upstream', askedMs, firstByteMs, `${data.upstream}: to the first byte`)
      bar('Answer', firstByteMs, atMs, `${data.bytes.toLocaleString('en')} bytes, to the end`)
    }
  } else if (admitted) {
    bar('In flight', askedMs, last.atMs, 'no ending event yet')
  }
  if (settled) {
    const from = Math.min(ended?.atMs ?? askedMs, settled.atMs)
    bar('Settlement', from, settled.atMs, 'to the settlement')
  }
  const storedMs = Math.max(...steps.map(({ storedAtMs }) => storedAtMs))
  bar('Log', Math.min(last.atMs, storedMs), storedMs, 'until the log stored all of it')
  if (projectedAtMs !== undefined) bar('Tables', storedMs, projectedAtMs, 'until it was projected')
  return { startMs, bars }
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
