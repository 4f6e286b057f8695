import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { permissionTables } from './permission-tables.ts'
import { accountsConfig } from './server-config.ts'

/** `npm run nats:accounts`: writes `infra/nats/accounts.conf` and `infra/docs/reference/nats-permissions.md`. */
writeFileSync(join(import.meta.dirname, '..', 'accounts.conf'), accountsConfig())
writeFileSync(join(import.meta.dirname, '../../docs/reference/nats-permissions.md'), permissionTables())
