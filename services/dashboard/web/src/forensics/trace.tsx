import type { TraceBar, TraceStep, TraceView } from '../../../src/forensics/answers.ts'
import { useResource } from '../data/index.ts'
import { duration, plural, positionText, Time, textOf } from '../format/index.ts'
import {
  Badge,
  CopyButton,
  Empty,
  ErrorMessage,
  Icon,
  Identity,
  Loading,
  PageHead,
  Panel,
  splitIdentity,
} from '../layout/index.ts'
import { type Column, DataTable } from '../table/index.ts'
import { toneOf } from './event-tones.ts'
import { ForensicsTabs } from './forensics-tabs.tsx'
import { PositionLink } from './links.tsx'

const EVERY_MS = 2_000
const MIN_WIDTH = 0.4

/** One request's life as a waterfall, looked at again while something of it is still to come. */
export function Trace({ request }: { request: string }) {
  const path = `/api/forensics/requests/${encodeURIComponent(request)}`
  const first = useResource<TraceView>(path)
  const isOpen = first.data !== undefined && (first.data.missing.length > 0 || first.data.projected === false)
  const again = useResource<TraceView>(path, isOpen ? { everyMs: EVERY_MS } : {})
  const data = isOpen ? (again.data ?? first.data) : first.data
  const { error, reload } = first
  const isMissing = error?.status === 404 || error?.status === 400
  return (
    <>
      <a class="back" href="/forensics">
        <Icon name="left" size={15} />
        Events
      </a>
      <PageHead title="Request">
        <ForensicsTabs here={undefined} />
      </PageHead>
      <div class="facts">
        <code class="trace-id">{request}</code>
        <CopyButton text={request} label="Copy id" />
        {data && <TraceStatus view={data} />}
      </div>
      {isMissing && <Empty icon="search">The log has no events for this request.</Empty>}
      {error && !isMissing && <ErrorMessage error={error} retry={reload} />}
      {!data && !error && <Loading rows={8} />}
      {data && <Waterfall view={data} />}
    </>
  )
}

function TraceStatus({ view: { identity, names, missing, projected, cut } }: { view: TraceView }) {
  const owner = identity === null ? undefined : splitIdentity(identity)
  return (
    <>
      {owner && (
        <a href={`/identities/${encodeURIComponent(identity!)}`}>
          <Identity user={owner.user} apiKey={owner.apiKey} names={names} />
        </a>
      )}
      {missing.length > 0 && <Badge tone="warn">missing: {missing.join(', ')}</Badge>}
      {missing.length === 0 && <Badge tone="good">complete</Badge>}
      {projected === true && <Badge tone="good">projected</Badge>}
      {projected === false && <Badge tone="warn">not projected yet</Badge>}
      {cut && <Badge tone="warn">search incomplete</Badge>}
    </>
  )
}

function Waterfall({ view: { steps, bars, startedAt } }: { view: TraceView }) {
  const ends = [...bars.map(({ toMs }) => toMs), ...steps.map(({ time }) => time - startedAt)]
  const wholeMs = Math.max(1, ...ends)
  return (
    <>
      <Panel
        title="Waterfall"
        note={`${textOf(duration(wholeMs))} total`}
        aside={
          <span class="count">
            from <Time at={startedAt} />
          </span>
        }
      >
        <ol class="waterfall" data-testid="waterfall">
          {bars.map(bar => (
            <Bar key={bar.name} bar={bar} wholeMs={wholeMs} />
          ))}
        </ol>
      </Panel>
      <Panel
        title="Events"
        class="list-panel"
        aside={<span class="count num">{plural(steps.length, 'event')}</span>}
      >
        <DataTable
          columns={columnsOf(startedAt)}
          rows={steps}
          keyOf={positionText}
          rowProps={() => ({ 'data-testid': 'trace-step' })}
          empty={['search', 'No events.']}
        />
      </Panel>
    </>
  )
}

function Bar({ bar: { name, fromMs, toMs, note }, wholeMs }: { bar: TraceBar; wholeMs: number }) {
  const width = Math.max(MIN_WIDTH, ((toMs - fromMs) / wholeMs) * 100)
  const left = Math.min((fromMs / wholeMs) * 100, 100 - width)
  return (
    <li data-testid="trace-bar" data-name={name}>
      <span class="waterfall-name">{name}</span>
      <span class="waterfall-track" aria-hidden="true">
        <span
          class={`waterfall-bar bar-${name.toLowerCase().replace(' ', '-')}`}
          style={{ left: `${left}%`, width: `${width}%` }}
        />
      </span>
      <span class="waterfall-took num">{textOf(duration(toMs - fromMs))}</span>
      <span class="waterfall-note muted">{note}</span>
    </li>
  )
}

function columnsOf(startedAt: number): readonly Column<TraceStep>[] {
  return [
    {
      name: 'Event',
      cell: ({ fact }) => <span class={`event-fact ${toneOf(fact)}`}>{fact}</span>,
    },
    {
      name: 'Since arrival',
      isFigure: true,
      title: ({ time }) => new Date(time).toISOString(),
      cell: ({ time }) => `+${textOf(duration(time - startedAt))}`,
    },
    {
      name: 'Since previous',
      isFigure: true,
      cell: ({ sinceLastMs }) => `+${textOf(duration(sinceLastMs))}`,
    },
    {
      name: 'Until stored',
      isFigure: true,
      title: ({ at }) => new Date(at).toISOString(),
      cell: ({ at, time }) => textOf(duration(at - time)),
    },
    { name: 'Details', cell: ({ note }) => note },
    { name: 'Position', cell: step => <PositionLink place={step} /> },
  ]
}
