import type { ComponentChildren } from 'preact'
import type { ConsumerView, ProjectionLag, StreamView, SystemView } from '../../../src/system/answers.ts'
import { useNow, useResource } from '../data/index.ts'
import { Ago, bytes, count, percent, setting, span, textOf } from '../format/index.ts'
import { Badge, Empty, Loaded, PageHead, Panel, Tabs } from '../layout/index.ts'
import { type Column, DataTable } from '../table/index.ts'
import { NodeTable } from './node-table.tsx'
import { Upstreams } from './upstreams.tsx'

const EVERY_MS = 2_000
const FULL_WARN = 0.8
const LOG_UNAVAILABLE = 'Event log unavailable.'

function fullShare({ bytes: size, maxBytes }: StreamView): number | null {
  return maxBytes === 0 ? null : size / maxBytes
}

const STREAMS: readonly Column<StreamView>[] = [
  { name: 'Stream', share: 22, cell: ({ stream }) => <code>{stream}</code> },
  {
    name: 'Messages',
    share: 14,
    isFigure: true,
    tone: () => 'strong',
    sortBy: row => row.messages,
    cell: row => count(row.messages),
  },
  { name: 'Size', share: 12, isFigure: true, sortBy: row => row.bytes, cell: row => bytes(row.bytes) },
  {
    name: 'Disk used',
    share: 12,
    isFigure: true,
    sortBy: fullShare,
    tone: row => (row.needsRoom || (fullShare(row) ?? 0) >= FULL_WARN ? 'is-warn' : ''),
    title: ({ maxBytes }) => (maxBytes === 0 ? 'no limit' : `of ${bytes(maxBytes)}`),
    cell: row => textOf(percent(fullShare(row))),
  },
  { name: 'Head', share: 14, isFigure: true, cell: ({ lastSequence }) => `#${setting(lastSequence)}` },
  { name: 'Oldest', share: 13, cell: ({ firstAt }) => (firstAt === null ? '–' : <Ago at={firstAt} />) },
  { name: 'Newest', share: 13, cell: ({ lastAt }) => (lastAt === null ? '–' : <Ago at={lastAt} />) },
]

const CONSUMERS: readonly Column<ConsumerView>[] = [
  { name: 'Consumer', share: 34, cell: ({ name }) => <code>{name}</code> },
  { name: 'Stream', share: 21, cell: ({ stream }) => stream },
  {
    name: 'Behind',
    share: 14,
    isFigure: true,
    tone: ({ pending }) => (pending > 0 ? 'is-warn' : ''),
    cell: ({ pending }) => count(pending),
  },
  { name: 'In flight', share: 14, isFigure: true, cell: ({ unanswered }) => count(unanswered) },
  { name: 'Redelivered', share: 17, isFigure: true, cell: ({ redelivered }) => count(redelivered) },
]

/** The system's components, and the state of each. */
export function System() {
  const system = useResource<SystemView>('/api/system', { everyMs: EVERY_MS })
  return (
    <>
      <PageHead title="System">
        <SystemTabs here="/system" letters={system.data?.deadLetters ?? null} />
      </PageHead>
      <Panel
        title="Gateway nodes"
        class="list-panel"
        aside={<span class="count num">{system.data?.nodes.length ?? '–'}</span>}
      >
        <Loaded resource={system}>{({ nodes }) => <NodeTable nodes={nodes} />}</Loaded>
      </Panel>
      <Panel title="Upstreams" class="list-panel">
        <Loaded resource={system}>{({ gateways }) => <Upstreams gateways={gateways} />}</Loaded>
      </Panel>
      <Panel title="Streams" class="list-panel">
        <Loaded resource={system} rows={6}>
          {({ streams }) =>
            known(streams, rows => (
              <DataTable
                columns={STREAMS}
                rows={rows}
                keyOf={({ stream }) => stream}
                rowProps={({ stream }) => ({ 'data-testid': 'stream-row', 'data-stream': stream })}
                empty={['nodes', 'No streams.']}
              />
            ))
          }
        </Loaded>
      </Panel>
      <div class="two">
        <Panel title="Read models" note="projection lag" class="list-panel">
          <Loaded resource={system}>
            {({ projection }) => known(projection, rows => <LagTable projection={rows} />)}
          </Loaded>
        </Panel>
        <Panel title="Consumers" note="durable" class="list-panel">
          <Loaded resource={system}>
            {({ consumers }) =>
              known(consumers, rows => (
                <DataTable
                  columns={CONSUMERS}
                  rows={rows}
                  keyOf={({ stream, name }) => `${stream}.${name}`}
                  size="compact"
                  rowProps={() => ({ 'data-testid': 'consumer-row' })}
                  empty={['nodes', 'No durable consumers.']}
                />
              ))
            }
          </Loaded>
        </Panel>
      </div>
    </>
  )
}

export function SystemTabs({ here, letters }: { here: string; letters: number | null }) {
  const more = letters === null || letters === 0 ? '' : ` (${count(letters)})`
  const tabs = [
    { href: '/system', text: 'Components' },
    { href: '/system/dead-letters', text: `Dead letters${more}` },
  ]
  return <Tabs label="System view" tabs={tabs.map(tab => ({ ...tab, isHere: tab.href === here }))} />
}

/** What the log says of itself is null while it is unavailable. */
function known<T>(rows: readonly T[] | null, show: (rows: readonly T[]) => ComponentChildren) {
  return rows === null ? <Empty icon="nodes">{LOG_UNAVAILABLE}</Empty> : show(rows)
}

function LagTable({ projection }: { projection: readonly ProjectionLag[] }) {
  const now = useNow()
  const columns: readonly Column<ProjectionLag>[] = [
    {
      name: 'Stream',
      share: 25,
      cell: row => <code title={`projection ${row.projection}`}>{row.stream}</code>,
    },
    { name: 'Position', share: 25, isFigure: true, cell: ({ sequence }) => `#${setting(sequence)}` },
    { name: 'Behind', share: 25, isFigure: true, cell: ({ behind }) => `${count(behind)} msg` },
    {
      name: 'State',
      share: 25,
      cell: ({ behind, lagMs }) =>
        behind === 0 ? (
          <Badge tone="good">up to date</Badge>
        ) : (
          <span title={`No progress since ${new Date(now - lagMs).toISOString()}`}>
            <Badge tone="warn">{span(lagMs)} behind</Badge>
          </span>
        ),
    },
  ]
  return (
    <DataTable
      columns={columns}
      rows={projection}
      keyOf={row => `${row.projection}.${row.stream}`}
      size="compact"
      rowProps={() => ({ 'data-testid': 'lag-row' })}
      empty={['nodes', 'No projection has stored a position yet.']}
    />
  )
}
