import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { permissionTables } from './permission-tables.ts'
import { accountsConfig } from './server-config.ts'

/** `npm run nats:accounts`: writes accounts.conf and permissions.md in infra/nats. */
writeFileSync(join(import.meta.dirname, '..', 'accounts.conf'), accountsConfig())
writeFileSync(join(import.meta.dirname, '..', 'permissions.md'), permissionTables())
