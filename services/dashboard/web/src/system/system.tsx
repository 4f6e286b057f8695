import type { ConsumerView, ProjectionLag, StreamView, SystemView } from '../../../src/system/answers.ts'
import { useNow, useResource } from '../data/index.ts'
import { Ago, bytes, count, percent, setting, span } from '../format/index.ts'
import { Badge, Empty, Loaded, PageHead, Panel, Tabs } from '../layout/index.ts'
import { Columns } from '../table/index.ts'
import { NodeTable } from './node-table.tsx'
import { Upstreams } from './upstreams.tsx'

const EVERY_MS = 2_000
const FULL_WARN = 0.8
const LOG_AWAY = 'Event log unavailable.'

/** The parts of the whole, and how each of them fares. */
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
        <Loaded resource={system}>
          {({ nodes }) =>
            nodes.length === 0 ? (
              <Empty icon="nodes">
                No gateway node is alive. A node shows here while it renews its record.
              </Empty>
            ) : (
              <NodeTable nodes={nodes} />
            )
          }
        </Loaded>
      </Panel>
      <Panel title="Upstreams" class="list-panel">
        <Loaded resource={system}>{({ gateways }) => <Upstreams gateways={gateways} />}</Loaded>
      </Panel>
      <Panel title="Streams" class="list-panel">
        <Loaded resource={system} rows={6}>
          {({ streams }) =>
            streams === null ? <Empty icon="nodes">{LOG_AWAY}</Empty> : <StreamTable streams={streams} />
          }
        </Loaded>
      </Panel>
      <div class="two">
        <Panel title="Read models" note="how far the projection is behind" class="list-panel">
          <Loaded resource={system}>
            {({ projection }) =>
              projection === null ? (
                <Empty icon="nodes">{LOG_AWAY}</Empty>
              ) : projection.length === 0 ? (
                <Empty icon="nodes">No projection has stored a position yet.</Empty>
              ) : (
                <LagTable projection={projection} />
              )
            }
          </Loaded>
        </Panel>
        <Panel title="Consumers" note="who work a stream off" class="list-panel">
          <Loaded resource={system}>
            {({ consumers }) =>
              consumers === null ? (
                <Empty icon="nodes">{LOG_AWAY}</Empty>
              ) : consumers.length === 0 ? (
                <Empty icon="nodes">No durable consumers.</Empty>
              ) : (
                <ConsumerTable consumers={consumers} />
              )
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
    { href: '/system', text: 'Parts' },
    { href: '/system/dead-letters', text: `Dead letters${more}` },
  ]
  return <Tabs label="What of the system" tabs={tabs.map(tab => ({ ...tab, isHere: tab.href === here }))} />
}

function StreamTable({ streams }: { streams: readonly StreamView[] }) {
  return (
    <div class="table-wrap">
      <table class="table fixed">
        <Columns shares={[22, 14, 12, 12, 14, 13, 13]} />
        <thead>
          <tr>
            <th scope="col">Stream</th>
            <th scope="col" class="right">
              Messages
            </th>
            <th scope="col" class="right">
              Size
            </th>
            <th scope="col" class="right">
              Disk used
            </th>
            <th scope="col" class="right">
              Head
            </th>
            <th scope="col">Oldest</th>
            <th scope="col">Newest</th>
          </tr>
        </thead>
        <tbody>
          {streams.map(each => {
            const { stream, messages, bytes: size, maxBytes, lastSequence, firstAt, lastAt } = each
            const full = maxBytes === 0 ? null : size / maxBytes
            const share = percent(full)
            return (
              <tr key={stream} data-testid="stream-row" data-stream={stream}>
                <th scope="row">
                  <code>{stream}</code>
                </th>
                <td class="right num strong" data-label="Messages">
                  {count(messages)}
                </td>
                <td class="right num" data-label="Size">
                  {bytes(size)}
                </td>
                <td
                  class={`right num ${each.needsRoom || (full ?? 0) >= FULL_WARN ? 'is-warn' : ''}`}
                  data-label="Disk used"
                  title={maxBytes === 0 ? 'no limit' : `of ${bytes(maxBytes)}`}
                >
                  {share.value} {share.unit}
                </td>
                <td class="right num" data-label="Head">
                  #{setting(lastSequence)}
                </td>
                <td data-label="Oldest">{firstAt === null ? '–' : <Ago at={firstAt} />}</td>
                <td data-label="Newest">{lastAt === null ? '–' : <Ago at={lastAt} />}</td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </div>
  )
}

function ConsumerTable({ consumers }: { consumers: readonly ConsumerView[] }) {
  return (
    <div class="table-wrap">
      <table class="table compact fixed">
        <Columns shares={[34, 21, 14, 14, 17]} />
        <thead>
          <tr>
            <th scope="col">Consumer</th>
            <th scope="col">Stream</th>
            <th scope="col" class="right">
              Behind
            </th>
            <th scope="col" class="right">
              In work
            </th>
            <th scope="col" class="right">
              Redelivered
            </th>
          </tr>
        </thead>
        <tbody>
          {consumers.map(({ stream, name, pending, unanswered, redelivered }) => (
            <tr key={`${stream}.${name}`} data-testid="consumer-row">
              <th scope="row">
                <code>{name}</code>
              </th>
              <td data-label="Stream">{stream}</td>
              <td class={`right num ${pending > 0 ? 'is-warn' : ''}`} data-label="Behind">
                {count(pending)}
              </td>
              <td class="right num" data-label="In flight">
                {count(unanswered)}
              </td>
              <td class="right num" data-label="Redelivered">
                {count(redelivered)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function LagTable({ projection }: { projection: readonly ProjectionLag[] }) {
  const now = useNow()
  return (
    <div class="table-wrap">
      <table class="table compact fixed">
        <Columns shares={[25, 25, 25, 25]} />
        <thead>
          <tr>
            <th scope="col">Stream</th>
            <th scope="col" class="right">
              Position
            </th>
            <th scope="col" class="right">
              Behind
            </th>
            <th scope="col">State</th>
          </tr>
        </thead>
        <tbody>
          {projection.map(({ projection: name, stream, sequence, behind, lagMs }) => (
            <tr key={`${name}.${stream}`} data-testid="lag-row">
              <th scope="row">
                <code title={`projection ${name}`}>{stream}</code>
              </th>
              <td class="right num" data-label="Position">
                #{setting(sequence)}
              </td>
              <td class="right num" data-label="Behind">
                {count(behind)} msg
              </td>
              <td data-label="State">
                {behind === 0 ? (
                  <Badge tone="good">up to date</Badge>
                ) : (
                  <span title={`Stood still since ${new Date(now - lagMs).toISOString()}`}>
                    <Badge tone="warn">{span(lagMs)} behind</Badge>
                  </span>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
