import { useState } from 'preact/hooks'
import type { SessionView } from '../../../src/core/wire.ts'
import type { KeyView } from '../../../src/core/wire-usage.ts'
import { KEYS_PATH, type KeyList } from '../live/portal.ts'
import { useResource } from '../live/resource.ts'
import { Badge } from '../parts/badge.tsx'
import { Icon } from '../parts/icon.tsx'
import { CreateKeyDialog, RevokeKeyDialog } from '../parts/key-dialogs.tsx'
import { KeyTable } from '../parts/key-table.tsx'
import { PageHead } from '../parts/page-head.tsx'
import { Panel } from '../parts/panel.tsx'
import { Snippets } from '../parts/snippet.tsx'
import { Empty, Loaded } from '../parts/states.tsx'

type Open = { readonly kind: 'create' } | { readonly kind: 'revoke'; readonly key: KeyView }

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
        <Snippets me={me} />
      </Panel>
      {open?.kind === 'create' && <CreateKeyDialog me={me} onClose={done} />}
      {open?.kind === 'revoke' && <RevokeKeyDialog apiKey={open.key} onClose={done} />}
    </>
  )
}
