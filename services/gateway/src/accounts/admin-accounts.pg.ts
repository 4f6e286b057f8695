import type { Database } from '@fluxgate/read-model'
import { openAccounts } from './accounts.pg.ts'
import { type AdminAccounts, administer } from './admin-accounts.ts'
import type { AdminTools } from './admin-users.ts'

/** What the admin face does, on accounts in Postgres. */
export function adminAccounts({
  db,
  ...tools
}: Omit<AdminTools, 'accounts'> & { readonly db: Database }): AdminAccounts {
  return administer({ ...tools, accounts: openAccounts(db) })
}
