import type { ComponentChildren } from 'preact'
import type { StateView } from '../../../src/forensics/answers.ts'
import { count, humanized, plural, setting, Time } from '../format/index.ts'
import { Badge, Empty, Panel, Severity, State } from '../layout/index.ts'
import { Equation } from './equation.tsx'
import { IdentityLink } from './links.tsx'

/** Totals, throttles, incidents and buckets of one moment. */
export function StateShown({ state }: { state: StateView }) {
  return (
    <div class="stack" data-testid="state" data-at={state.at}>
      <Panel
        title="Totals"
        note={`${plural(state.identities, 'identity', 'identities')} had asked for something`}
      >
        <Equation sums={state.totals} />
      </Panel>
      <div class="two">
        <Throttles state={state} />
        <Incidents state={state} />
      </div>
      <Buckets state={state} />
    </div>
  )
}

function ListPanel(props: {
  title: string
  all: number
  shown: number
  none: string
  children: ComponentChildren
}) {
  const { title, all, shown, none, children } = props
  const note = shown < all ? { note: `the first ${count(shown)}` } : {}
  return (
    <Panel title={title} {...note} class="list-panel" aside={<span class="count num">{count(all)}</span>}>
      {all === 0 ? <Empty icon="check">{none}</Empty> : <div class="table-wrap capped">{children}</div>}
    </Panel>
  )
}

function Throttles({ state: { throttles, throttleCount } }: { state: StateView }) {
  return (
    <ListPanel
      title="Throttles in force"
      all={throttleCount}
      shown={throttles.length}
      none="No throttles at that time."
    >
      <table class="table compact">
        <thead>
          <tr>
            <th scope="col">Identity</th>
            <th scope="col">Rule</th>
            <th scope="col" class="right">
              Until
            </th>
          </tr>
        </thead>
        <tbody>
          {throttles.map(({ identity, rule, untilMs, actor, incident }) => (
            <tr key={identity}>
              <th scope="row">
                <IdentityLink identity={identity} />
              </th>
              <td data-label="Rule">
                {incident === null ? (
                  `${humanized(rule)}, ${actor}`
                ) : (
                  <a href={`/incidents/${incident}`}>{humanized(rule)}</a>
                )}
              </td>
              <td class="right" data-label="Until">
                <Time at={untilMs} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </ListPanel>
  )
}

function Incidents({ state: { incidents, incidentCount } }: { state: StateView }) {
  return (
    <ListPanel
      title="Incidents open"
      all={incidentCount}
      shown={incidents.length}
      none="No incident was open then."
    >
      <table class="table compact">
        <thead>
          <tr>
            <th scope="col">Incident</th>
            <th scope="col">Severity</th>
            <th scope="col">State</th>
            <th scope="col" class="right">
              Opened
            </th>
          </tr>
        </thead>
        <tbody>
          {incidents.map(({ incident, identity, rule, severity, state, openedAtMs }) => (
            <tr key={incident}>
              <th scope="row" title={identity}>
                <a href={`/incidents/${incident}`}>{humanized(rule)}</a>
              </th>
              <td data-label="Severity">
                <Severity severity={severity} />
              </td>
              <td data-label="State">
                <State state={state} />
              </td>
              <td class="right" data-label="Opened">
                <Time at={openedAtMs} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </ListPanel>
  )
}

function Buckets({ state: { buckets, bucketCount } }: { state: StateView }) {
  return (
    <ListPanel
      title="Buckets that were not full"
      all={bucketCount}
      shown={buckets.length}
      none="Every bucket was full."
    >
      <table class="table">
        <thead>
          <tr>
            <th scope="col">Identity</th>
            <th scope="col">Tier</th>
            <th scope="col" class="right">
              Left
            </th>
            <th scope="col" class="right">
              Capacity
            </th>
            <th scope="col" class="right">
              Refill
            </th>
          </tr>
        </thead>
        <tbody>
          {buckets.map(({ identity, tier, tokensLeft, capacity, refillRate }) => (
            <tr key={identity} data-testid="state-bucket">
              <th scope="row">
                <IdentityLink identity={identity} />
              </th>
              <td data-label="Tier">
                <Badge>{tier}</Badge>
              </td>
              <td class={`right num strong ${tokensLeft <= 0 ? 'is-bad' : ''}`} data-label="Left">
                {setting(tokensLeft)} tokens
              </td>
              <td class="right num" data-label="Capacity">
                {setting(capacity)} tokens
              </td>
              <td class="right num" data-label="Refill">
                {setting(refillRate)} tokens/s
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </ListPanel>
  )
}
