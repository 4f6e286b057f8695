import type { Overview } from '../../../src/core/wire.ts'
import { live } from '../live/live.ts'
import { useStore } from '../live/store.ts'
import type { Tone } from './badge.tsx'
import { count, plural, span } from './format.ts'
import { Icon } from './icon.tsx'
import { useThrottled } from './throttle-list.tsx'

/** The read models are normally a fraction of a second behind: more than this is worth a word. */
const LAG_WARN_MS = 3_000
const LAG_BAD_MS = 30_000

interface Concern {
  readonly tone: Tone
  readonly text: string
  readonly href: string
}

/** One line, always there and always of one height: what a person should look at, the worst first. */
export function AttentionBar({ overview }: { overview: Overview | undefined }) {
  const throttled = useThrottled().length
  const connection = useStore(live, it => it.connection)
  const feed = useStore(live, it => it.feed)
  if (!overview) return <div class="attention" />
  const concerns = concernsOf(overview, throttled, connection === 'live' && !feed)
  return (
    <div class="attention" data-testid="attention">
      {concerns.length === 0 ? (
        <span class="concern good">
          <Icon name="check" size={15} />
          Nothing needs attention
        </span>
      ) : (
        concerns.map(({ tone, text, href }) => (
          <a key={text} class={`concern ${tone}`} href={href}>
            <span class="dot" />
            {text}
          </a>
        ))
      )}
    </div>
  )
}

function concernsOf(overview: Overview, throttled: number, isDeaf: boolean): Concern[] {
  const { openIncidents, moreIncidents, projection, nodes } = overview
  const concerns: Concern[] = []
  if (isDeaf) concerns.push({ tone: 'bad', text: 'The event log is away', href: '/nodes' })
  if (nodes.length === 0) concerns.push({ tone: 'bad', text: 'No gateway node is alive', href: '/nodes' })
  const fresh = openIncidents.filter(incident => incident.state !== 'acknowledged').length
  if (fresh > 0) {
    const text = `${count(fresh)}${moreIncidents ? '+' : ''} ${fresh === 1 ? 'incident' : 'incidents'} to look at`
    concerns.push({ tone: 'bad', text, href: '/incidents' })
  }
  const lagMs = Math.max(0, ...(projection ?? []).map(each => each.lagMs))
  if (lagMs > LAG_WARN_MS) {
    const tone = lagMs > LAG_BAD_MS ? 'bad' : 'warn'
    concerns.push({ tone, text: `Read models ${span(lagMs)} behind`, href: '/nodes' })
  }
  if (throttled > 0) {
    const text = `${plural(throttled, 'identity', 'identities')} throttled`
    concerns.push({ tone: 'warn', text, href: '/identities' })
  }
  return concerns
}
