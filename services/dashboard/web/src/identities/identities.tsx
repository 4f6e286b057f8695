import { useState } from 'preact/hooks'
import type { Names } from '../../../src/accounts/answers.ts'
import type { FoundIdentities, IdentityPage, IdentityRow } from '../../../src/identities/answers.ts'
import { useNow, useResource } from '../data/index.ts'
import { count, countdown, duration, percent } from '../format/index.ts'
import { Badge, Empty, Identity, Loaded, PageHead, Panel, Tabs } from '../layout/index.ts'
import { SearchField, usePlace, useSearch } from '../router/index.ts'
import { Columns } from '../table/index.ts'
import { PardonDialog, ThrottleDialog, ThrottleList, useThrottled } from '../throttles/index.ts'

const EVERY_MS = 10_000
const WINDOWS = [
  { minutes: 5, text: '5 min' },
  { minutes: 60, text: '1 hour' },
  { minutes: 1_440, text: '24 hours' },
  { minutes: 43_200, text: '30 days' },
] as const
const DEFAULT_MINUTES = 60

export function Identities() {
  const asked = Number(usePlace().query.get('minutes') ?? DEFAULT_MINUTES)
  const minutes = WINDOWS.find(each => each.minutes === asked)?.minutes ?? DEFAULT_MINUTES
  const top = useResource<IdentityPage>(`/api/identities/top?minutes=${minutes}`, { everyMs: EVERY_MS })
  const search = useSearch('/identities')
  return (
    <>
      <PageHead title="Identities">
        <Tabs
          label="Over which time"
          tabs={WINDOWS.map(each => ({
            text: each.text,
            href: each.minutes === DEFAULT_MINUTES ? '/identities' : `/identities?minutes=${each.minutes}`,
            isHere: each.minutes === minutes,
          }))}
        />
      </PageHead>
      <SearchField search={search} label="Find by user, e-mail or key" />
      {search.asked !== '' && <Found text={search.asked} />}
      <Panel
        title="Top consumers"
        class="list-panel"
        aside={top.data && <span class="count num">{count(top.data.totalTokens)} tokens in all</span>}
      >
        <Loaded resource={top} rows={8}>
          {page =>
            page.items.length === 0 ? (
              <Empty icon="identities">No requests in this period.</Empty>
            ) : (
              <Burners page={page} />
            )
          }
        </Loaded>
      </Panel>
      <ThrottleList names={top.data?.names} />
    </>
  )
}

function Found({ text }: { text: string }) {
  const found = useResource<FoundIdentities>(`/api/identities?q=${encodeURIComponent(text)}`)
  return (
    <Panel title="Found" class="list-panel">
      <Loaded resource={found}>
        {({ items, names, more }) =>
          items.length === 0 ? (
            <Empty icon="identities">No user or key matches.</Empty>
          ) : (
            <>
              <ul class="rows">
                {items.map(({ userId, keyId }) => (
                  <li key={`${userId}.${keyId}`} class="row" data-testid="found-row">
                    <Identity user={userId} apiKey={keyId} names={names} isLink />
                  </li>
                ))}
              </ul>
              {more && <p class="more muted">There are more: say more of the name.</p>}
            </>
          )
        }
      </Loaded>
    </Panel>
  )
}

type Order = { readonly kind: 'throttle' | 'pardon'; readonly identity: string }

function Burners({ page }: { page: IdentityPage }) {
  const [order, setOrder] = useState<Order>()
  const throttled = new Map(useThrottled().map(({ identity, throttle }) => [identity, throttle.until]))
  const most = page.items[0]?.totalTokens ?? 0
  const done = () => setOrder(undefined)
  return (
    <>
      <div class="table-wrap">
        <table class="table fixed wide">
          <Columns shares={[22, 9, 7, 15.5, 9, 8, 7, 9, 13.5]} />
          <thead>
            <tr>
              <th scope="col">Identity</th>
              <th scope="col" class="right">
                Tokens
              </th>
              <th scope="col" class="right">
                Share
              </th>
              <th scope="col" class="right">
                Prompt / completion
              </th>
              <th scope="col" class="right">
                Requests
              </th>
              <th scope="col" class="right">
                Refused
              </th>
              <th scope="col" class="right">
                Failed
              </th>
              <th scope="col" class="right">
                Mean time
              </th>
              <th scope="col">
                <span class="sr">Orders</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {page.items.map(row => {
              const identity = `${row.userId}.${row.keyId}`
              const until = throttled.get(identity)
              return (
                <BurnerRow
                  key={identity}
                  row={row}
                  names={page.names}
                  most={most}
                  total={page.totalTokens}
                  until={until}
                  onOrder={() => setOrder({ kind: until === undefined ? 'throttle' : 'pardon', identity })}
                />
              )
            })}
          </tbody>
        </table>
      </div>
      {order?.kind === 'pardon' && (
        <PardonDialog identity={order.identity} names={page.names} onClose={done} />
      )}
      {order?.kind === 'throttle' && (
        <ThrottleDialog identity={order.identity} names={page.names} onClose={done} />
      )}
    </>
  )
}

function BurnerRow(props: {
  row: IdentityRow
  names: Names
  most: number
  total: number
  until: number | undefined
  onOrder: () => void
}) {
  const { row, names, most, total, until, onOrder } = props
  const now = useNow()
  const mean = duration(row.meanDurationMs === 0 ? null : row.meanDurationMs)
  const share = percent(total === 0 ? null : row.totalTokens / total)
  const tier = names.users[row.userId]?.tier
  return (
    <tr data-identity={`${row.userId}.${row.keyId}`}>
      <th scope="row">
        <span class="burner">
          <Identity user={row.userId} apiKey={row.keyId} names={names} isLink />
          {tier && <Badge>{tier}</Badge>}
        </span>
        <span
          class="burner-bar"
          style={{ transform: `scaleX(${most === 0 ? 0 : row.totalTokens / most})` }}
        />
      </th>
      <td class="right num strong" data-label="Tokens">
        {count(row.totalTokens)}
      </td>
      <td class="right num" data-label="Share">
        {share.value} {share.unit}
      </td>
      <td class="right num" data-label="Prompt / completion">
        {count(row.promptTokens)} / {count(row.completionTokens)}
      </td>
      <td class="right num" data-label="Requests">
        {count(row.admitted)}
      </td>
      <td class={`right num ${row.refused > 0 ? 'is-warn' : ''}`} data-label="Refused">
        {count(row.refused)}
      </td>
      <td class={`right num ${row.failed > 0 ? 'is-bad' : ''}`} data-label="Failed">
        {count(row.failed)}
      </td>
      <td class="right num" data-label="Mean time">
        {mean.value} {mean.unit}
      </td>
      <td class="right">
        {until === undefined ? (
          <button type="button" class="small" onClick={onOrder}>
            Throttle
          </button>
        ) : (
          <button type="button" class="small" onClick={onOrder} title="In the penalty box">
            Pardon <span class="num">{countdown(until - now)}</span>
          </button>
        )}
      </td>
    </tr>
  )
}
