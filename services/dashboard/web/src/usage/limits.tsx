import type { KeyView } from '../../../src/accounts/answers.ts'
import type { LimitView } from '../../../src/usage/answers.ts'
import { useNow } from '../data/index.ts'
import { countdown, plural, setting } from '../format/index.ts'
import { Badge } from '../layout/index.ts'

export interface LimitsProps {
  readonly limits: readonly LimitView[]
  readonly keys: readonly KeyView[]
}

/** What each key may do, and how full its bucket is now. */
export function Limits({ limits, keys }: LimitsProps) {
  return (
    <ul class="rows limits">
      {limits.map(limit => (
        <Limit key={limit.keyId} limit={limit} name={nameOf(limit.keyId, keys)} />
      ))}
    </ul>
  )
}

function Limit({ limit: { source, tier, tokensLeft, throttle }, name }: { limit: LimitView; name: string }) {
  const now = useNow()
  const isThrottled = throttle !== null && throttle.until > now
  const { capacity, refillRate } = isThrottled ? throttle : tier
  const share = tokensLeft === null || capacity === 0 ? 0 : Math.min(1, Math.max(0, tokensLeft / capacity))
  return (
    <li class="row" data-testid="limit-row">
      <div class="row-main">
        <p class="row-title">
          {name}
          <Badge>{source === 'own' ? 'own limit' : `${source} tier`}</Badge>
          {isThrottled && <Badge tone="warn">throttled for {countdown(throttle.until - now)}</Badge>}
        </p>
        <p class="row-note num">{limitTexts(bucketText(capacity, refillRate), tier).join(' · ')}</p>
      </div>
      <div class="level num">
        <span>
          <strong data-testid="tokens-left">{tokensLeft === null ? '–' : setting(tokensLeft)}</strong>{' '}
          <span class="muted">of {setting(capacity)} tokens</span>
        </span>
        <span class="left-bar" aria-hidden="true">
          <span class={share < 0.1 ? 'is-low' : ''} style={{ transform: `scaleX(${share})` }} />
        </span>
      </div>
    </li>
  )
}

function bucketText(capacity: number, refillRate: number): string {
  return `${setting(capacity)} tokens, +${setting(refillRate)}/s`
}

function limitTexts(bucket: string, { requestsPerMinute, concurrentStreams }: LimitView['tier']): string[] {
  return [
    bucket,
    ...(requestsPerMinute === undefined ? [] : [`${plural(requestsPerMinute, 'request')}/min`]),
    ...(concurrentStreams === undefined ? [] : [`${plural(concurrentStreams, 'stream')} at once`]),
  ]
}

function nameOf(id: string, keys: readonly KeyView[]): string {
  if (id === 'session') return 'Playground and session'
  const key = keys.find(each => each.id === id)
  return key ? [key.name, `${key.prefix}…${key.last4}`].filter(text => text !== '').join(' · ') : id
}
