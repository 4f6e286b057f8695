import { useState } from 'preact/hooks'
import type { KeyView } from '../../../src/accounts/answers.ts'
import type { SessionView } from '../../../src/sessions/answers.ts'
import { useResource } from '../data/index.ts'
import { Badge, Icon, Loaded, PageHead, Panel } from '../layout/index.ts'
import { CreateKeyDialog, RevokeKeyDialog } from './key-dialogs.tsx'
import { KeyTable } from './key-table.tsx'
import { KEYS_PATH, type KeyList } from './portal.ts'
import { Snippets } from './snippet.tsx'

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
          {list => (
            <KeyTable
              keys={list.keys}
              onRevoke={key => setOpen({ kind: 'revoke', key })}
              empty="No keys yet. Create one to send requests."
            />
          )}
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
