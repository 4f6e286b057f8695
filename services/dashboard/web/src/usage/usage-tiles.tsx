import type { UsageView } from '../../../src/usage/answers.ts'
import { count, dollars } from '../format/index.ts'
import { Tile } from '../layout/index.ts'
import type { RangeChoice } from './range.ts'
import { Delta } from './range-tiles.tsx'

/** What was used in a range, beside the time before. */
export function UsageTiles({ usage, range }: { usage: UsageView; range: RangeChoice }) {
  const { total, before } = usage
  const on = (now: number, then: number) => <Delta now={now} before={then} range={range} />
  return (
    <div class="tiles">
      <Tile
        label="Tokens"
        figures={[{ value: count(total.totalTokens), testId: 'used-tokens' }]}
        note={on(total.totalTokens, before.totalTokens)}
      />
      <Tile
        label="Requests"
        figures={[{ value: count(total.admitted), testId: 'used-requests' }]}
        note={on(total.admitted, before.admitted)}
      />
      <Tile
        label="Refused"
        figures={[{ value: count(total.refused) }]}
        note={on(total.refused, before.refused)}
        tone={total.refused > 0 ? 'warn' : undefined}
      />
      <Tile
        label="Failed"
        figures={[{ value: count(total.failed) }]}
        note={on(total.failed, before.failed)}
      />
      <Tile
        label="Cost"
        unit="US$"
        figures={[{ value: dollars(total.costMicros) }]}
        note={on(total.costMicros, before.costMicros)}
      />
    </div>
  )
}
