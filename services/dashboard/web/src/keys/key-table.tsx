import type { KeyView } from '../../../src/accounts/answers.ts'
import { useNow } from '../data/index.ts'
import { Ago, Time } from '../format/index.ts'
import { Badge } from '../layout/index.ts'
import { type Column, DataTable } from '../table/index.ts'

export interface KeyTableProps {
  readonly keys: readonly KeyView[]
  /** Where a key's own page is, for those who may see it. */
  readonly hrefOf?: (key: KeyView) => string
  readonly onRevoke?: (key: KeyView) => void
  readonly empty: string
}

/** API keys as lists show them: never the key itself. */
export function KeyTable({ keys, hrefOf, onRevoke, empty }: KeyTableProps) {
  const columns: Column<KeyView>[] = [
    {
      name: 'Name',
      share: 21,
      cell: key => {
        const name = key.name || 'No name'
        return hrefOf ? <a href={hrefOf(key)}>{name}</a> : name
      },
    },
    {
      name: 'Key',
      share: 20,
      cell: ({ id, prefix, last4 }) => (
        <code title={id}>
          {prefix}…{last4}
        </code>
      ),
    },
    { name: 'Created', share: 17, cell: ({ createdAt }) => <Time at={createdAt} /> },
    {
      name: 'Last used',
      share: 12,
      cell: ({ lastUsedAt }) => (lastUsedAt === null ? 'never' : <Ago at={lastUsedAt} />),
    },
    {
      name: 'Expires',
      share: 13,
      cell: ({ expiresAt }) => (expiresAt === null ? 'never' : <Time at={expiresAt} />),
    },
    { name: 'State', share: 9, cell: key => <KeyState apiKey={key} /> },
  ]
  if (onRevoke) {
    columns.push({
      name: 'Actions',
      isUnnamed: true,
      share: 10,
      cell: key =>
        key.revokedAt === null && (
          <button type="button" class="small" onClick={() => onRevoke(key)}>
            Revoke
          </button>
        ),
    })
  }
  return (
    <DataTable
      columns={columns}
      rows={keys}
      keyOf={({ id }) => id}
      empty={['keys', empty]}
      rowProps={({ id, revokedAt }) => ({
        'data-testid': 'key-row',
        'data-key': id,
        class: revokedAt === null ? '' : 'is-over',
      })}
    />
  )
}

function KeyState({ apiKey }: { apiKey: KeyView }) {
  const now = useNow()
  if (apiKey.revokedAt !== null) return <Badge>revoked</Badge>
  if (apiKey.expiresAt !== null && apiKey.expiresAt < now) return <Badge tone="warn">expired</Badge>
  return <Badge tone="good">active</Badge>
}
