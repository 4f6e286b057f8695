import type { Throttle } from '@fluxgate/contracts'
import { useState } from 'preact/hooks'
import type { Names } from '../../../src/accounts/answers.ts'
import { useNow, useStore } from '../data/index.ts'
import { countdown, humanized, setting, utc } from '../format/index.ts'
import { Empty, Identity, Loading, Panel, splitIdentity } from '../layout/index.ts'
import { live } from '../live/index.ts'
import { PardonDialog } from './pardon-dialog.tsx'

/** Those in the penalty box now, the longest to go first. */
export function useThrottled(): Array<{ identity: string; throttle: Throttle }> {
  const throttles = useStore(live, it => it.throttles)
  const now = useNow()
  return [...throttles]
    .filter(([, throttle]) => throttle.until > now)
    .map(([identity, throttle]) => ({ identity, throttle }))
    .sort((a, b) => b.throttle.until - a.throttle.until)
}

export function ThrottleList({ names }: { names?: Names | undefined }) {
  const throttled = useThrottled()
  const isKnown = useStore(live, it => it.ticks.length > 0 || it.throttles.size > 0 || it.feed)
  const [pardoning, setPardoning] = useState<string>()
  return (
    <Panel
      title="Throttled identities"
      class="list-panel"
      aside={<span class="count num">{throttled.length}</span>}
    >
      {!isKnown && <Loading rows={2} />}
      {isKnown && throttled.length === 0 && <Empty icon="check">No throttled identities.</Empty>}
      {throttled.length > 0 && (
        <ul class="rows">
          {throttled.map(({ identity, throttle }) => (
            <ThrottleRow
              key={identity}
              identity={identity}
              throttle={throttle}
              names={names}
              onPardon={() => setPardoning(identity)}
            />
          ))}
        </ul>
      )}
      {pardoning && (
        <PardonDialog identity={pardoning} names={names} onClose={() => setPardoning(undefined)} />
      )}
    </Panel>
  )
}

function ThrottleRow(props: {
  identity: string
  throttle: Throttle
  names: Names | undefined
  onPardon: () => void
}) {
  const { identity, throttle, names, onPardon } = props
  const now = useNow()
  const left = throttle.until - now
  const share = Math.min(1, Math.max(0, left / Math.max(1, throttle.until - throttle.imposedAt)))
  return (
    <li class="row throttle" data-testid="throttle-row" data-identity={identity}>
      <div class="row-main">
        <Identity {...splitIdentity(identity)} names={names} isLink />
        <p class="row-note" title={throttle.reason}>
          {throttle.incident ? (
            <a href={`/incidents/${throttle.incident}`}>{humanized(throttle.rule)}</a>
          ) : (
            humanized(throttle.rule)
          )}
          {' · '}
          <span class="num">
            {setting(throttle.capacity)} tok, +{setting(throttle.refillRate)}/s
          </span>
          {' · by '}
          {throttle.actor}
        </p>
      </div>
      <div class="left" title={`Until ${utc(throttle.until)}`}>
        <span class="num">{countdown(left)}</span>
        <span class="left-bar">
          <span style={{ transform: `scaleX(${share})` }} />
        </span>
      </div>
      <button type="button" class="small" data-testid="pardon-button" onClick={onPardon}>
        Pardon
      </button>
    </li>
  )
}
