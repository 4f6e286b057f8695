import { useState } from 'preact/hooks'
import type { KeyView, UserDetail } from '../../../src/accounts/answers.ts'
import { useResource } from '../data/index.ts'
import { Time } from '../format/index.ts'
import { KeyTable } from '../keys/index.ts'
import { Badge, Empty, ErrorMessage, Icon, Loading, PageHead, Panel } from '../layout/index.ts'
import { DisableDialog, RevokeUserKeyDialog, RoleDialog, TierDialog } from './user-dialogs.tsx'
import { CreateUserKeyDialog } from './user-key-dialog.tsx'

type Order =
  | { readonly kind: 'tier' | 'role' | 'disable' | 'key' }
  | { readonly kind: 'revoke'; readonly key: KeyView }

/** One user's account, and the orders about it. `me` may not shut oneself out. */
export function User({ id, me }: { id: string; me: string }) {
  const { data, error, reload } = useResource<UserDetail>(`/api/users/${encodeURIComponent(id)}`)
  const [order, setOrder] = useState<Order>()
  const done = () => {
    setOrder(undefined)
    reload()
  }
  const isMissing = error?.status === 404 || error?.status === 400
  return (
    <>
      <a class="back" href="/users">
        <Icon name="left" size={15} />
        Users
      </a>
      <PageHead title={data?.user.email ?? id}>
        {data && (
          <div class="orders">
            <button type="button" data-testid="tier-button" onClick={() => setOrder({ kind: 'tier' })}>
              Change tier
            </button>
            {id !== me && (
              <>
                <button type="button" data-testid="role-button" onClick={() => setOrder({ kind: 'role' })}>
                  Change role
                </button>
                <button
                  type="button"
                  class={data.user.disabledAt === null ? 'danger' : 'primary'}
                  data-testid="disable-button"
                  onClick={() => setOrder({ kind: 'disable' })}
                >
                  {data.user.disabledAt === null ? 'Disable' : 'Enable'}
                </button>
              </>
            )}
          </div>
        )}
      </PageHead>
      {isMissing && <Empty icon="identities">There is no user {id}.</Empty>}
      {error && !isMissing && <ErrorMessage error={error} retry={reload} />}
      {!data && !error && <Loading rows={6} />}
      {data && <Account detail={data} onOrder={setOrder} />}
      {data && order && <Dialogs detail={data} order={order} onClose={done} />}
    </>
  )
}

function Account({ detail, onOrder }: { detail: UserDetail; onOrder: (order: Order) => void }) {
  const { user, keys } = detail
  return (
    <>
      <div class="facts">
        <Badge>{user.tier} tier</Badge>
        <Badge>{user.role}</Badge>
        {user.disabledAt === null ? (
          <Badge tone="good">active</Badge>
        ) : (
          <span>
            <Badge tone="bad">disabled</Badge> since <Time at={user.disabledAt} />
          </span>
        )}
        <span class="muted">
          Created <Time at={user.createdAt} />
        </span>
        <code class="facts-id">{user.id}</code>
      </div>
      <Panel
        title="API keys"
        class="list-panel"
        aside={
          user.disabledAt === null && (
            <button
              type="button"
              class="small"
              data-testid="create-user-key"
              onClick={() => onOrder({ kind: 'key' })}
            >
              <Icon name="plus" size={15} />
              Create a key
            </button>
          )
        }
      >
        <KeyTable
          keys={keys}
          hrefOf={key => `/identities/${user.id}.${key.id}`}
          onRevoke={key => onOrder({ kind: 'revoke', key })}
          empty="This user has no keys."
        />
      </Panel>
    </>
  )
}

function Dialogs(props: { detail: UserDetail; order: Order; onClose: () => void }) {
  const { detail, order, onClose } = props
  const { id: user, tier, role, disabledAt } = detail.user
  switch (order.kind) {
    case 'tier':
      return <TierDialog user={user} tier={tier} onClose={onClose} />
    case 'role':
      return <RoleDialog user={user} role={role} onClose={onClose} />
    case 'disable':
      return <DisableDialog user={user} isDisabled={disabledAt !== null} onClose={onClose} />
    case 'key':
      return <CreateUserKeyDialog user={user} onClose={onClose} />
    case 'revoke': {
      const { id, name, prefix } = order.key
      return <RevokeUserKeyDialog user={user} keyId={id} name={name || prefix} onClose={onClose} />
    }
  }
}
