import { useState } from 'preact/hooks'
import type { IdentityDetail } from '../../../src/identities/answers.ts'
import { useResource, useStore } from '../data/index.ts'
import { KeyTable } from '../keys/index.ts'
import { Badge, Empty, ErrorMessage, Icon, keyText, Loading, PageHead, Panel } from '../layout/index.ts'
import { live } from '../live/index.ts'
import { PardonDialog, ThrottleDialog, useThrottled } from '../throttles/index.ts'
import {
  everyMsOf,
  Limits,
  RANGE_CHOICES,
  type RangeChoice,
  RangeTabs,
  UsageCharts,
  UsageParts,
  UsageTiles,
  useRange,
} from '../usage/index.ts'
import { TierDialog } from '../users/index.ts'
import { Timeline } from './timeline.tsx'

/** A bucket's level is worth seeing live; the first choice of the others is. */
const CHOICES = RANGE_CHOICES.filter(({ name }) => name !== '5m')

/** All about one user's key: what it used and may use, and what happened to it. */
export function IdentityPage({ identity }: { identity: string }) {
  const range = useRange(CHOICES)
  const version = useStore(live, it => it.changes)
  const path = `/api/identities/${encodeURIComponent(identity)}?range=${range.name}`
  const detail = useResource<IdentityDetail>(path, { everyMs: everyMsOf(range.name), version })
  const { data, error, reload } = detail
  const key = data?.names.keys[data.key]
  return (
    <>
      <a class="back" href="/identities">
        <Icon name="left" size={15} />
        Identities
      </a>
      <PageHead title={data ? (data.account?.email ?? data.user) : 'Identity'}>
        {data && <Orders detail={data} reload={reload} />}
      </PageHead>
      {error && error.status !== 400 && <ErrorMessage error={error} retry={reload} />}
      {error?.status === 400 && <Empty icon="identities">{identity} is not an identity.</Empty>}
      {!data && !error && <Loading rows={8} />}
      {data && (
        <>
          <div class="facts">
            <strong>{key ? keyText(key) : data.key}</strong>
            {data.account ? (
              <>
                <Badge>{data.account.tier} tier</Badge>
                <Badge>{data.account.role}</Badge>
                {data.account.disabledAt !== null && <Badge tone="bad">disabled</Badge>}
                <a href={`/users/${data.user}`}>Account and keys</a>
              </>
            ) : (
              <span class="muted">No account</span>
            )}
            <code class="facts-id">{data.identity}</code>
          </div>
          <Detail detail={data} range={range} />
        </>
      )}
    </>
  )
}

function Detail({ detail, range }: { detail: IdentityDetail; range: RangeChoice }) {
  const { usage, keys, timeline, identity } = detail
  return (
    <>
      <RangeTabs path={`/identities/${identity}`} choices={CHOICES} here={range} />
      <UsageTiles usage={usage} range={range} />
      <UsageParts sum={usage.total} />
      <UsageCharts usage={usage} spanText={`last ${range.text}`} />
      <div class="two">
        <Panel title="Limit and remaining tokens" class="list-panel">
          <Limits limits={usage.limits} keys={keys} />
        </Panel>
        <Panel
          title="Timeline"
          note="newest first"
          class="list-panel"
          aside={
            <a class="panel-link" href={`/forensics?identity=${encodeURIComponent(identity)}`}>
              All events
            </a>
          }
        >
          {timeline.length === 0 ? (
            <Empty icon="identities">No events besides requests.</Empty>
          ) : (
            <Timeline entries={timeline} />
          )}
        </Panel>
      </div>
      <Panel title="All keys of this user" class="list-panel">
        <KeyTable
          keys={keys}
          hrefOf={({ id }) => `/identities/${detail.user}.${id}`}
          empty="No account with keys."
        />
      </Panel>
    </>
  )
}

type Order = 'throttle' | 'pardon' | 'tier'

function Orders({ detail, reload }: { detail: IdentityDetail; reload: () => void }) {
  const { identity, names, account, user } = detail
  const [order, setOrder] = useState<Order>()
  const isThrottled = useThrottled().some(each => each.identity === identity)
  const done = () => {
    setOrder(undefined)
    reload()
  }
  return (
    <div class="orders">
      {account && (
        <button type="button" data-testid="tier-button" onClick={() => setOrder('tier')}>
          Change tier
        </button>
      )}
      {isThrottled ? (
        <button type="button" class="primary" data-testid="pardon-button" onClick={() => setOrder('pardon')}>
          Pardon
        </button>
      ) : (
        <button type="button" data-testid="throttle-button" onClick={() => setOrder('throttle')}>
          Throttle
        </button>
      )}
      {order === 'pardon' && <PardonDialog identity={identity} names={names} onClose={done} />}
      {order === 'throttle' && <ThrottleDialog identity={identity} names={names} onClose={done} />}
      {order === 'tier' && account && <TierDialog user={user} tier={account.tier} onClose={done} />}
    </div>
  )
}
