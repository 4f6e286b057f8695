import { useState } from 'preact/hooks'
import type { Names } from '../../../src/accounts/answers.ts'
import type { FoundIdentities, IdentityPage, IdentityRow } from '../../../src/identities/answers.ts'
import { useNow, useResource } from '../data/index.ts'
import { count, countdown, duration, percent, textOf } from '../format/index.ts'
import { Badge, Empty, Identity, Loaded, PageHead, Panel, Tabs } from '../layout/index.ts'
import { SearchField, useRoute, useSearch } from '../router/index.ts'
import { type Column, DataTable } from '../table/index.ts'
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
  const asked = Number(useRoute().query.get('minutes') ?? DEFAULT_MINUTES)
  const minutes = WINDOWS.find(each => each.minutes === asked)?.minutes ?? DEFAULT_MINUTES
  const top = useResource<IdentityPage>(`/api/identities/top?minutes=${minutes}`, { everyMs: EVERY_MS })
  const search = useSearch('/identities')
  return (
    <>
      <PageHead title="Identities">
        <Tabs
          label="Time range"
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
        aside={top.data && <span class="count num">{count(top.data.totalTokens)} tokens total</span>}
      >
        <Loaded resource={top} rows={8}>
          {page => <Consumers page={page} />}
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
              {more && <p class="more muted">More match: refine your search.</p>}
            </>
          )
        }
      </Loaded>
    </Panel>
  )
}

type Order = { readonly kind: 'throttle' | 'pardon'; readonly identity: string }

function figure(
  name: string,
  share: number,
  numberOf: (row: IdentityRow) => number,
  tone?: Column<IdentityRow>['tone'],
): Column<IdentityRow> {
  return {
    name,
    share,
    isFigure: true,
    sortBy: numberOf,
    cell: row => count(numberOf(row)),
    ...(tone ? { tone } : {}),
  }
}

function columnsOf(
  { items, names, totalTokens }: IdentityPage,
  action: Column<IdentityRow>['cell'],
): Column<IdentityRow>[] {
  const most = items[0]?.totalTokens ?? 0
  return [
    { name: 'Identity', share: 22, cell: row => <Consumer row={row} names={names} most={most} /> },
    figure(
      'Tokens',
      9,
      row => row.totalTokens,
      () => 'strong',
    ),
    {
      name: 'Share',
      share: 7,
      isFigure: true,
      cell: row => textOf(percent(totalTokens === 0 ? null : row.totalTokens / totalTokens)),
    },
    {
      name: 'Prompt / completion',
      share: 15.5,
      isFigure: true,
      cell: row => `${count(row.promptTokens)} / ${count(row.completionTokens)}`,
    },
    figure('Requests', 9, row => row.admitted),
    figure(
      'Refused',
      8,
      row => row.refused,
      row => (row.refused > 0 ? 'is-warn' : ''),
    ),
    figure(
      'Failed',
      7,
      row => row.failed,
      row => (row.failed > 0 ? 'is-bad' : ''),
    ),
    {
      name: 'Mean time',
      share: 9,
      isFigure: true,
      sortBy: row => row.meanDurationMs,
      cell: row => textOf(duration(row.meanDurationMs === 0 ? null : row.meanDurationMs)),
    },
    {
      name: 'Actions',
      isUnnamed: true,
      share: 13.5,
      cell: action,
    },
  ]
}

function Consumers({ page }: { page: IdentityPage }) {
  const [order, setOrder] = useState<Order>()
  const throttled = new Map(useThrottled().map(({ identity, throttle }) => [identity, throttle.until]))
  const { items, names } = page
  const done = () => setOrder(undefined)
  const columns = columnsOf(page, row => {
    const identity = identityOf(row)
    const until = throttled.get(identity)
    const kind = until === undefined ? 'throttle' : 'pardon'
    return <OrderButton until={until} onClick={() => setOrder({ kind, identity })} />
  })
  return (
    <>
      <DataTable
        columns={columns}
        rows={items}
        keyOf={identityOf}
        size="wide"
        rowProps={row => ({ 'data-identity': identityOf(row) })}
        empty={['identities', 'No requests in this period.']}
      />
      {order?.kind === 'pardon' && <PardonDialog identity={order.identity} names={names} onClose={done} />}
      {order?.kind === 'throttle' && (
        <ThrottleDialog identity={order.identity} names={names} onClose={done} />
      )}
    </>
  )
}

function identityOf({ userId, keyId }: IdentityRow): string {
  return `${userId}.${keyId}`
}

function Consumer({ row, names, most }: { row: IdentityRow; names: Names; most: number }) {
  const tier = names.users[row.userId]?.tier
  return (
    <>
      <span class="consumer">
        <Identity user={row.userId} apiKey={row.keyId} names={names} isLink />
        {tier && <Badge>{tier}</Badge>}
      </span>
      <span
        class="consumer-bar"
        style={{ transform: `scaleX(${most === 0 ? 0 : row.totalTokens / most})` }}
      />
    </>
  )
}

function OrderButton({ until, onClick }: { until: number | undefined; onClick: () => void }) {
  const now = useNow()
  if (until === undefined) {
    return (
      <button type="button" class="small" onClick={onClick}>
        Throttle
      </button>
    )
  }
  return (
    <button type="button" class="small" onClick={onClick} title="In the penalty box">
      Pardon <span class="num">{countdown(until - now)}</span>
    </button>
  )
}
