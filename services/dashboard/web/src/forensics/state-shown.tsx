import type { StateView } from '../../../src/forensics/answers.ts'
import { count, humanized, plural, setting, Time } from '../format/index.ts'
import { Badge, Panel, Severity, State } from '../layout/index.ts'
import { type Column, DataTable } from '../table/index.ts'
import { Equation } from './equation.tsx'
import { IdentityLink } from './links.tsx'

/** Totals, throttles, incidents and buckets of one moment. */
export function StateShown({ state }: { state: StateView }) {
  return (
    <div class="stack" data-testid="state" data-at={state.at}>
      <Panel title="Totals" note={`${plural(state.identities, 'identity', 'identities')} with requests`}>
        <Equation sums={state.totals} />
      </Panel>
      <div class="two">
        <ListPanel
          title="Active throttles"
          all={state.throttleCount}
          rows={state.throttles}
          keyOf={({ identity }) => identity}
          columns={THROTTLES}
          none="No active throttles at that time."
          size="compact"
        />
        <ListPanel
          title="Open incidents"
          all={state.incidentCount}
          rows={state.incidents}
          keyOf={({ incident }) => incident}
          columns={INCIDENTS}
          none="No open incidents at that time."
          size="compact"
        />
      </div>
      <ListPanel
        title="Buckets below capacity"
        all={state.bucketCount}
        rows={state.buckets}
        keyOf={({ identity }) => identity}
        columns={BUCKETS}
        none="All buckets were full."
        testId="state-bucket"
      />
    </div>
  )
}

function ListPanel<Row>(props: {
  title: string
  all: number
  rows: readonly Row[]
  keyOf: (row: Row) => string
  columns: readonly Column<Row>[]
  none: string
  size?: 'compact'
  testId?: string
}) {
  const { title, all, rows, keyOf, columns, none, size, testId } = props
  const note = rows.length < all ? { note: `the first ${count(rows.length)}` } : {}
  return (
    <Panel title={title} {...note} class="list-panel" aside={<span class="count num">{count(all)}</span>}>
      <DataTable
        columns={columns}
        rows={rows}
        keyOf={keyOf}
        isCapped
        {...(size === undefined ? {} : { size })}
        {...(testId === undefined ? {} : { rowProps: () => ({ 'data-testid': testId }) })}
        empty={['check', none]}
      />
    </Panel>
  )
}

const THROTTLES: readonly Column<StateView['throttles'][number]>[] = [
  { name: 'Identity', cell: ({ identity }) => <IdentityLink identity={identity} /> },
  {
    name: 'Rule',
    cell: ({ rule, actor, incident }) =>
      incident === null ? (
        `${humanized(rule)}, ${actor}`
      ) : (
        <a href={`/incidents/${incident}`}>{humanized(rule)}</a>
      ),
  },
  { name: 'Until', isFigure: true, cell: ({ untilMs }) => <Time at={untilMs} /> },
]

const INCIDENTS: readonly Column<StateView['incidents'][number]>[] = [
  {
    name: 'Incident',
    title: ({ identity }) => identity,
    cell: ({ incident, rule }) => <a href={`/incidents/${incident}`}>{humanized(rule)}</a>,
  },
  { name: 'Severity', cell: ({ severity }) => <Severity severity={severity} /> },
  { name: 'State', cell: ({ state }) => <State state={state} /> },
  { name: 'Opened', isFigure: true, cell: ({ openedAtMs }) => <Time at={openedAtMs} /> },
]

const BUCKETS: readonly Column<StateView['buckets'][number]>[] = [
  { name: 'Identity', cell: ({ identity }) => <IdentityLink identity={identity} /> },
  { name: 'Tier', cell: ({ tier }) => <Badge>{tier}</Badge> },
  {
    name: 'Remaining',
    isFigure: true,
    tone: ({ tokensLeft }) => (tokensLeft <= 0 ? 'is-bad' : 'strong'),
    sortBy: row => row.tokensLeft,
    cell: ({ tokensLeft }) => `${setting(tokensLeft)} tokens`,
  },
  { name: 'Capacity', isFigure: true, cell: ({ capacity }) => `${setting(capacity)} tokens` },
  { name: 'Refill', isFigure: true, cell: ({ refillRate }) => `${setting(refillRate)} tokens/s` },
]
