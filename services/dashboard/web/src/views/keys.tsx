import { useState } from 'preact/hooks'
import type { SessionView } from '../../../src/core/wire.ts'
import { type ApiKey, KEYS_PATH, type KeyList } from '../live/portal.ts'
import { useResource } from '../live/resource.ts'
import { Badge } from '../parts/badge.tsx'
import { Icon } from '../parts/icon.tsx'
import { CreateKeyDialog, RevokeKeyDialog } from '../parts/key-dialogs.tsx'
import { PageHead } from '../parts/page-head.tsx'
import { Panel } from '../parts/panel.tsx'
import { Snippet } from '../parts/snippet.tsx'
import { Empty, Loaded } from '../parts/states.tsx'
import { Ago, Time } from '../parts/time.tsx'

type Open = { readonly kind: 'create' } | { readonly kind: 'revoke'; readonly key: ApiKey }

/** A developer's own keys, and how to use them. */
export function Keys({ me }: { me: SessionView }) {
  const keys = useResource<KeyList>(KEYS_PATH)
  const [open, setOpen] = useState<Open>()
  const done = () => {
    setOpen(undefined)
    keys.reload()
  }
  return (
    <>
      <PageHead title="My keys">
        <button
          type="button"
          class="primary"
          data-testid="create-key"
          onClick={() => setOpen({ kind: 'create' })}
        >
          <Icon name="plus" size={16} />
          Create a key
        </button>
      </PageHead>
      <Panel title="API keys" class="list-panel" aside={<Badge>{me.tier} tier</Badge>}>
        <Loaded resource={keys}>
          {list =>
            list.keys.length === 0 ? (
              <Empty icon="keys">You have no key yet. Create one to send requests.</Empty>
            ) : (
              <KeyTable keys={list.keys} onRevoke={key => setOpen({ kind: 'revoke', key })} />
            )
          }
        </Loaded>
      </Panel>
      <Panel title="First request">
        <Snippet me={me} />
      </Panel>
      {open?.kind === 'create' && <CreateKeyDialog me={me} onClose={done} />}
      {open?.kind === 'revoke' && <RevokeKeyDialog apiKey={open.key} onClose={done} />}
    </>
  )
}

function KeyTable({ keys, onRevoke }: { keys: readonly ApiKey[]; onRevoke: (key: ApiKey) => void }) {
  return (
    <div class="table-wrap">
      <table class="table">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Key</th>
            <th scope="col">Created</th>
            <th scope="col">Last used</th>
            <th scope="col">State</th>
            <th scope="col">
              <span class="sr">Orders</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {keys.map(key => (
            <tr
              key={key.id}
              data-testid="key-row"
              data-key={key.id}
              class={key.revokedAt === null ? '' : 'is-over'}
            >
              <th scope="row">{key.name || <span class="muted">No name</span>}</th>
              <td data-label="Key">
                <code>
                  {key.prefix}…{key.last4}
                </code>
              </td>
              <td data-label="Created">
                <Time at={key.createdAt} />
              </td>
              <td data-label="Last used">
                {key.lastUsedAt === null ? 'never' : <Ago at={key.lastUsedAt} />}
              </td>
              <td data-label="State">
                <KeyState apiKey={key} />
              </td>
              <td class="right">
                {key.revokedAt === null && (
                  <button type="button" class="small" onClick={() => onRevoke(key)}>
                    Revoke
                  </button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function KeyState({ apiKey }: { apiKey: ApiKey }) {
  if (apiKey.revokedAt !== null) return <Badge>revoked</Badge>
  if (apiKey.expiresAt !== null && apiKey.expiresAt < Date.now()) return <Badge tone="warn">expired</Badge>
  return <Badge tone="good">active</Badge>
}
