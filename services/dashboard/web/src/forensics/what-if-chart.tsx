import type { WhatIfAnswer, WhatIfRowView } from '../../../src/forensics/answers.ts'
import { humanized, Time } from '../format/index.ts'

const MAX_LANES = 14
const MIN_WIDTH = 0.5
const PART = 0.02

/** For each identity two lines over time: what was, and what would have been. */
export function WhatIfChart({
  rows,
  from,
  to,
}: {
  rows: readonly WhatIfRowView[]
  from: number
  to: number
}) {
  const lanes = new Map<string, WhatIfRowView[]>()
  for (const row of rows) lanes.set(row.identity, [...(lanes.get(row.identity) ?? []), row])
  const shown = [...lanes].slice(0, MAX_LANES)
  const times = rows.flatMap(({ would, was }) =>
    [would, was].flatMap(each => (each ? [each.atMs, endOf(each)] : [])),
  )
  // The part of the range in which something happens, with a little room around it.
  const room = Math.max(1_000, (Math.max(...times) - Math.min(...times)) * PART)
  const begin = Math.max(from, Math.min(...times) - room)
  const end = Math.max(begin + 1_000, Math.min(Math.max(to, ...times), Math.max(...times) + room))
  return (
    <figure class="lanes" data-testid="whatif-chart">
      <figcaption class="legend">
        <span class="legend-item">
          <span class="lane-key was" /> was
        </span>
        <span class="legend-item">
          <span class="lane-key new" /> would have been, new
        </span>
        <span class="legend-item">
          <span class="lane-key changed" /> changed
        </span>
        <span class="legend-item">
          <span class="lane-key same" /> the same
        </span>
      </figcaption>
      <ul>
        {shown.map(([identity, found]) => (
          <li key={identity} class="lane">
            <span class="lane-name" title={identity}>
              {identity}
            </span>
            <span class="lane-track">
              {found.map(({ difference, would, was }, i) => (
                <span key={i}>
                  {was && (
                    <Mark
                      answer={was}
                      kind={`was ${difference === 'gone' ? 'gone' : ''}`}
                      begin={begin}
                      end={end}
                    />
                  )}
                  {would && <Mark answer={would} kind={`would ${difference}`} begin={begin} end={end} />}
                </span>
              ))}
            </span>
          </li>
        ))}
      </ul>
      <div class="lane-ends muted">
        <Time at={begin} />
        {lanes.size > MAX_LANES && <span>{lanes.size - MAX_LANES} more identities in the table</span>}
        <Time at={end} />
      </div>
    </figure>
  )
}

function endOf({ throttled, atMs, untilMs }: WhatIfAnswer): number {
  return throttled && untilMs !== null ? untilMs : atMs
}

function Mark(props: { answer: WhatIfAnswer; kind: string; begin: number; end: number }) {
  const { answer, kind, begin, end } = props
  const share = (ms: number) => Math.max(0, Math.min(100, ((ms - begin) / (end - begin)) * 100))
  const width = Math.max(MIN_WIDTH, share(endOf(answer)) - share(answer.atMs))
  const left = Math.min(share(answer.atMs), 100 - width)
  const what = answer.throttled ? 'throttled' : 'reported only'
  return (
    <span
      class={`lane-mark ${kind} ${answer.throttled ? '' : 'observed'}`}
      title={`${humanized(answer.rule)}, ${what}: ${answer.explanation}`}
      style={{ left: `${left}%`, width: `${width}%` }}
    />
  )
}
