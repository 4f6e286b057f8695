import type { Overview } from '../../../src/overview/answers.ts'
import type { SystemView } from '../../../src/system/answers.ts'
import { useNow, useStore } from '../data/index.ts'
import { count, countdown, percent, plural, span } from '../format/index.ts'
import { Icon, type Tone } from '../layout/index.ts'
import { live } from '../live/index.ts'
import { useThrottled } from '../throttles/index.ts'

/** The read models are normally a fraction of a second behind: more than this is worth a word. */
const LAG_WARN_MS = 3_000
const LAG_BAD_MS = 30_000
/** A consumer works event by event: some are always on their way. */
const PENDING_WARN = 100

interface Concern {
  /** Stays when the text changes. */
  readonly id: string
  readonly tone: Tone
  readonly text: string
  readonly href: string
}

export interface AttentionProps {
  readonly overview: Overview | undefined
  readonly system: SystemView | undefined
}

/** One line, always there and of one height: what a person should look at, the worst first. */
export function AttentionBar({ overview, system }: AttentionProps) {
  const throttled = useThrottled()
  const now = useNow()
  const connection = useStore(live, it => it.connection)
  const feed = useStore(live, it => it.feed)
  if (!overview) return <div class="attention" />
  // The list has the longest to go first: the last one is free next.
  const nextFreeMs = (throttled.at(-1)?.throttle.until ?? now) - now
  const concerns = [
    ...(connection === 'live' && !feed
      ? [{ id: 'log', tone: 'bad' as const, text: 'Event log unavailable', href: '/system' }]
      : []),
    ...concernsOf(overview),
    ...(system ? systemConcerns(system) : []),
    ...(throttled.length > 0 ? [throttledConcern(throttled.length, nextFreeMs)] : []),
  ]
  const sorted = concerns.sort((a, b) => Number(b.tone === 'bad') - Number(a.tone === 'bad'))
  return (
    <div class="attention" data-testid="attention">
      {sorted.length === 0 ? (
        <span class="concern good">
          <Icon name="check" size={15} />
          Nothing needs attention
        </span>
      ) : (
        sorted.map(({ id, tone, text, href }) => (
          <a key={id} class={`concern ${tone} num`} href={href}>
            <span class="dot" />
            {text}
          </a>
        ))
      )}
    </div>
  )
}

function throttledConcern(many: number, nextFreeMs: number): Concern {
  const who = plural(many, 'identity', 'identities')
  return {
    id: 'throttled',
    tone: 'warn',
    text: `${who} throttled, next ends in ${countdown(nextFreeMs)}`,
    href: '/identities',
  }
}

function concernsOf({ openIncidents, moreIncidents, nodes }: Overview): Concern[] {
  const concerns: Concern[] = []
  if (nodes.length === 0) {
    concerns.push({ id: 'nodes', tone: 'bad', text: 'No live gateway nodes', href: '/system' })
  }
  const fresh = openIncidents.filter(incident => incident.state !== 'acknowledged').length
  if (fresh > 0) {
    const text = `${count(fresh)}${moreIncidents ? '+' : ''} ${fresh === 1 ? 'incident' : 'incidents'} to review`
    concerns.push({ id: 'incidents', tone: 'bad', text, href: '/incidents' })
  }
  return concerns
}

function systemConcerns({ gateways, streams, consumers, projection, deadLetters }: SystemView): Concern[] {
  const concerns: Concern[] = []
  const silent = gateways?.filter(({ error }) => error !== null).length ?? 0
  if (silent > 0) {
    const text = `${plural(silent, 'gateway')} not responding`
    concerns.push({ id: 'gateways', tone: 'bad', text, href: '/system' })
  }
  const sick = new Set(
    (gateways ?? []).flatMap(({ upstreams }) =>
      upstreams.filter(({ healthy, circuit }) => !healthy || circuit !== 'closed').map(({ name }) => name),
    ),
  )
  if (sick.size > 0) {
    const text = `${plural(sick.size, 'upstream')} unhealthy`
    concerns.push({ id: 'upstreams', tone: 'bad', text, href: '/system' })
  }
  for (const { stream, bytes, maxBytes } of (streams ?? []).filter(each => each.needsRoom)) {
    const { value, unit } = percent(bytes / maxBytes)
    concerns.push({ id: stream, tone: 'bad', text: `${stream} is ${value} ${unit} full`, href: '/system' })
  }
  const slow = (consumers ?? []).filter(({ pending }) => pending >= PENDING_WARN)
  if (slow.length > 0) {
    const text = `${plural(slow.length, 'consumer')} lagging`
    concerns.push({ id: 'consumers', tone: 'warn', text, href: '/system' })
  }
  const lagMs = Math.max(0, ...(projection ?? []).map(each => each.lagMs))
  if (lagMs > LAG_WARN_MS) {
    const tone = lagMs > LAG_BAD_MS ? 'bad' : 'warn'
    concerns.push({ id: 'lag', tone, text: `Read models ${span(lagMs)} behind`, href: '/system' })
  }
  if (deadLetters) {
    const text = `${plural(deadLetters, 'dead letter')} waiting`
    concerns.push({ id: 'letters', tone: 'warn', text, href: '/system/dead-letters' })
  }
  return concerns
}
