import type { TraceBar, TraceStep, TraceView } from '../../../src/forensics/answers.ts'
import { useResource } from '../data/index.ts'
import { duration, plural, Time } from '../format/index.ts'
import {
  Badge,
  CopyButton,
  Empty,
  Icon,
  Identity,
  Loading,
  PageHead,
  Panel,
  splitIdentity,
  Trouble,
} from '../layout/index.ts'
import { ForensicsTabs } from './forensics-tabs.tsx'
import { PlaceLink } from './links.tsx'
import { toneOf } from './tones.ts'

const EVERY_MS = 2_000
const MIN_WIDTH = 0.4

/** One request's life as a waterfall, looked at again while something of it is still to come. */
export function Trace({ request }: { request: string }) {
  const path = `/api/forensics/requests/${encodeURIComponent(request)}`
  const first = useResource<TraceView>(path)
  const isOpen = first.data !== undefined && (first.data.missing.length > 0 || first.data.projected === false)
  const again = useResource<TraceView>(path, isOpen ? { everyMs: EVERY_MS } : {})
  const data = isOpen ? (again.data ?? first.data) : first.data
  const { fault, reload } = first
  const isMissing = fault?.status === 404 || fault?.status === 400
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
        {data && <Standing view={data} />}
      </div>
      {isMissing && <Empty icon="search">The log has no events of this request.</Empty>}
      {fault && !isMissing && <Trouble fault={fault} retry={reload} />}
      {!data && !fault && <Loading rows={8} />}
      {data && <Waterfall view={data} />}
    </>
  )
}

function Standing({ view: { identity, names, missing, projected, cut } }: { view: TraceView }) {
  const owner = identity === null ? undefined : splitIdentity(identity)
  return (
    <>
      {owner && (
        <a href={`/identities/${encodeURIComponent(identity!)}`}>
          <Identity user={owner.user} apiKey={owner.apiKey} names={names} />
        </a>
      )}
      {missing.length > 0 && <Badge tone="warn">missing: {missing.join(', ')}</Badge>}
      {missing.length === 0 && <Badge tone="good">whole</Badge>}
      {projected === true && <Badge tone="good">in the tables</Badge>}
      {projected === false && <Badge tone="warn">not in the tables yet</Badge>}
      {cut && <Badge tone="warn">the search was cut short</Badge>}
    </>
  )
}

function Waterfall({ view: { steps, bars, startedAt } }: { view: TraceView }) {
  const ends = [...bars.map(({ toMs }) => toMs), ...steps.map(({ time }) => time - startedAt)]
  const wholeMs = Math.max(1, ...ends)
  const whole = duration(wholeMs)
  return (
    <>
      <Panel
        title="Waterfall"
        note={`${whole.value} ${whole.unit} in all`}
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
        <div class="table-wrap">
          <table class="table">
            <thead>
              <tr>
                <th scope="col">Fact</th>
                <th scope="col" class="right">
                  Since the arrival
                </th>
                <th scope="col" class="right">
                  Since the last
                </th>
                <th scope="col" class="right">
                  Until stored
                </th>
                <th scope="col">What</th>
                <th scope="col">Place</th>
              </tr>
            </thead>
            <tbody>
              {steps.map(step => (
                <StepRow key={`${step.stream}:${step.sequence}`} step={step} startedAt={startedAt} />
              ))}
            </tbody>
          </table>
        </div>
      </Panel>
    </>
  )
}

function Bar({ bar: { name, fromMs, toMs, note }, wholeMs }: { bar: TraceBar; wholeMs: number }) {
  const took = duration(toMs - fromMs)
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
      <span class="waterfall-took num">
        {took.value} {took.unit}
      </span>
      <span class="waterfall-note muted">{note}</span>
    </li>
  )
}

function StepRow({ step, startedAt }: { step: TraceStep; startedAt: number }) {
  const text = (ms: number) => {
    const { value, unit } = duration(ms)
    return `${value} ${unit}`
  }
  return (
    <tr data-testid="trace-step">
      <th scope="row">
        <span class={`event-fact ${toneOf(step.fact)}`}>{step.fact}</span>
      </th>
      <td class="right num" data-label="Since the arrival" title={new Date(step.time).toISOString()}>
        +{text(step.time - startedAt)}
      </td>
      <td class="right num" data-label="Since the last">
        +{text(step.sinceLastMs)}
      </td>
      <td class="right num" data-label="Until stored" title={new Date(step.at).toISOString()}>
        {text(step.at - step.time)}
      </td>
      <td data-label="What">{step.note}</td>
      <td data-label="Place">
        <PlaceLink place={step} />
      </td>
    </tr>
  )
}
