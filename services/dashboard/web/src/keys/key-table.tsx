import type { KeyView } from '../../../src/accounts/answers.ts'
import { useNow } from '../data/index.ts'
import { Ago, Time } from '../format/index.ts'
import { Badge } from '../layout/index.ts'
import { Columns } from '../table/index.ts'

export interface KeyTableProps {
  readonly keys: readonly KeyView[]
  /** Where a key's own page is, for those who may see it. */
  readonly hrefOf?: (key: KeyView) => string
  readonly onRevoke?: (key: KeyView) => void
}

/** API keys as lists show them: never the key itself. */
export function KeyTable({ keys, hrefOf, onRevoke }: KeyTableProps) {
  return (
    <div class="table-wrap">
      <table class="table fixed">
        <Columns shares={onRevoke ? [20, 20, 17, 11, 13, 9, 10] : [22, 22, 18, 13, 14, 11]} />
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Key</th>
            <th scope="col">Created</th>
            <th scope="col">Last used</th>
            <th scope="col">Ends</th>
            <th scope="col">State</th>
            {onRevoke && (
              <th scope="col">
                <span class="sr">Orders</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {keys.map(key => (
            <KeyRow key={key.id} apiKey={key} href={hrefOf?.(key)} onRevoke={onRevoke} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

function KeyRow(props: {
  apiKey: KeyView
  href: string | undefined
  onRevoke: ((key: KeyView) => void) | undefined
}) {
  const { apiKey: key, href, onRevoke } = props
  const name = key.name || 'No name'
  return (
    <tr data-testid="key-row" data-key={key.id} class={key.revokedAt === null ? '' : 'is-over'}>
      <th scope="row">{href === undefined ? name : <a href={href}>{name}</a>}</th>
      <td data-label="Key">
        <code title={key.id}>
          {key.prefix}…{key.last4}
        </code>
      </td>
      <td data-label="Created">
        <Time at={key.createdAt} />
      </td>
      <td data-label="Last used">{key.lastUsedAt === null ? 'never' : <Ago at={key.lastUsedAt} />}</td>
      <td data-label="Ends">{key.expiresAt === null ? 'never' : <Time at={key.expiresAt} />}</td>
      <td data-label="State">
        <KeyState apiKey={key} />
      </td>
      {onRevoke && (
        <td class="right">
          {key.revokedAt === null && (
            <button type="button" class="small" onClick={() => onRevoke(key)}>
              Revoke
            </button>
          )}
        </td>
      )}
    </tr>
  )
}

function KeyState({ apiKey }: { apiKey: KeyView }) {
  const now = useNow()
  if (apiKey.revokedAt !== null) return <Badge>revoked</Badge>
  if (apiKey.expiresAt !== null && apiKey.expiresAt < now) return <Badge tone="warn">expired</Badge>
  return <Badge tone="good">active</Badge>
}
