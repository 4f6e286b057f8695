import type { TimelineEntry } from '../../../src/identities/answers.ts'
import { humanized, Time } from '../format/index.ts'
import { Icon, type IconName } from '../layout/index.ts'

const ICONS: Readonly<Record<TimelineEntry['kind'], IconName>> = {
  auth: 'keys',
  throttle: 'stop',
  incident: 'incidents',
  budget: 'policy',
}
const WORDS: Readonly<Record<TimelineEntry['kind'], string>> = {
  auth: '',
  throttle: 'Throttle ',
  incident: 'Incident ',
  budget: 'Budget: ',
}

/** What happened, newest first. */
export function Timeline({ entries }: { entries: readonly TimelineEntry[] }) {
  return (
    <ol class="happenings">
      {entries.map(({ id, at, kind, fact, actor, text, href }) => {
        const what = `${WORDS[kind]}${kind === 'auth' ? humanized(fact) : fact.replaceAll('_', ' ')}`
        return (
          <li key={id} data-testid="timeline-row" data-fact={fact}>
            <Icon name={ICONS[kind]} size={15} />
            <div>
              <p>
                {href === null ? <strong>{what}</strong> : <a href={href}>{what}</a>}
                {actor && <span class="muted"> · {actor}</span>}
              </p>
              {text !== '' && <p class="muted">{text}</p>}
            </div>
            <Time at={at} />
          </li>
        )
      })}
    </ol>
  )
}
