import type { Database } from '@fluxgate/read-model'
import type { AccountTools } from '../../core/accounts/accounts.ts'
import { type AdminAccounts, administer } from '../../core/accounts/admin-accounts.ts'
import { openAccounts } from './accounts.ts'

/** What the admin face does, on accounts in Postgres. */
export function adminAccounts({
  db,
  ...tools
}: Omit<AccountTools, 'accounts'> & { readonly db: Database }): AdminAccounts {
  return administer({ ...tools, accounts: openAccounts(db) })
}
