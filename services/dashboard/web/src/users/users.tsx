import { useState } from 'preact/hooks'
import type { UserPage, UserView } from '../../../src/accounts/answers.ts'
import { useResource } from '../data/index.ts'
import { count, Time } from '../format/index.ts'
import { Badge, Icon, Loaded, PageHead, Panel } from '../layout/index.ts'
import { SearchField, useSearch } from '../router/index.ts'
import { type Column, DataTable } from '../table/index.ts'
import { CreateUserDialog } from './user-dialogs.tsx'

const COLUMNS: readonly Column<UserView>[] = [
  {
    name: 'User',
    cell: ({ id, email }) => (
      <span class="identity">
        <a class="identity-user" href={`/users/${id}`}>
          {email ?? id}
        </a>
        <span class="identity-key">{id}</span>
      </span>
    ),
  },
  { name: 'Role', cell: ({ role }) => role },
  { name: 'Tier', cell: ({ tier }) => <Badge>{tier}</Badge> },
  { name: 'Live keys', isFigure: true, sortBy: row => row.liveKeys, cell: row => count(row.liveKeys) },
  { name: 'Created', cell: ({ createdAt }) => <Time at={createdAt} /> },
  {
    name: 'State',
    cell: ({ disabledAt }) =>
      disabledAt === null ? <Badge tone="good">active</Badge> : <Badge tone="bad">disabled</Badge>,
  },
]

/** All accounts. The search is in the address. */
export function Users() {
  const search = useSearch('/users')
  const [isCreating, setCreating] = useState(false)
  const users = useResource<UserPage>(`/api/users?q=${encodeURIComponent(search.asked)}`)
  return (
    <>
      <PageHead title="Users">
        <button type="button" class="primary" data-testid="create-user" onClick={() => setCreating(true)}>
          <Icon name="plus" size={16} />
          Create a user
        </button>
      </PageHead>
      <SearchField search={search} label="Find by id or e-mail" />
      <Panel title="Newest first" class="list-panel">
        <Loaded resource={users} rows={8}>
          {({ items, more }) => (
            <>
              <DataTable
                columns={COLUMNS}
                rows={items}
                keyOf={({ id }) => id}
                rowProps={({ id }) => ({ 'data-testid': 'user-row', 'data-user': id })}
                empty={['identities', 'No matches.']}
              />
              {more && <p class="more muted">More match: refine your search.</p>}
            </>
          )}
        </Loaded>
      </Panel>
      {isCreating && (
        <CreateUserDialog
          onClose={() => {
            setCreating(false)
            users.reload()
          }}
        />
      )}
    </>
  )
}
