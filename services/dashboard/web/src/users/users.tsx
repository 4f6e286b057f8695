import { useState } from 'preact/hooks'
import type { UserPage, UserView } from '../../../src/accounts/answers.ts'
import { useResource } from '../data/index.ts'
import { count, Time } from '../format/index.ts'
import { Badge, Empty, Icon, Loaded, PageHead, Panel } from '../layout/index.ts'
import { SearchField, useSearch } from '../router/index.ts'
import { CreateUserDialog } from './user-dialogs.tsx'

/** Who has an account. The search stands in the address. */
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
          {({ items, more }) =>
            items.length === 0 ? (
              <Empty icon="identities">No matches.</Empty>
            ) : (
              <>
                <UserTable users={items} />
                {more && <p class="more muted">There are more: search for one.</p>}
              </>
            )
          }
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

function UserTable({ users }: { users: readonly UserView[] }) {
  return (
    <div class="table-wrap">
      <table class="table">
        <thead>
          <tr>
            <th scope="col">User</th>
            <th scope="col">Role</th>
            <th scope="col">Tier</th>
            <th scope="col" class="right">
              Live keys
            </th>
            <th scope="col">Created</th>
            <th scope="col">State</th>
          </tr>
        </thead>
        <tbody>
          {users.map(({ id, email, role, tier, liveKeys, createdAt, disabledAt }) => (
            <tr key={id} data-testid="user-row" data-user={id}>
              <th scope="row">
                <span class="identity">
                  <a class="identity-user" href={`/users/${id}`}>
                    {email ?? id}
                  </a>
                  <span class="identity-key">{id}</span>
                </span>
              </th>
              <td data-label="Role">{role}</td>
              <td data-label="Tier">
                <Badge>{tier}</Badge>
              </td>
              <td class="right num" data-label="Live keys">
                {count(liveKeys)}
              </td>
              <td data-label="Created">
                <Time at={createdAt} />
              </td>
              <td data-label="State">
                {disabledAt === null ? <Badge tone="good">active</Badge> : <Badge tone="bad">disabled</Badge>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
