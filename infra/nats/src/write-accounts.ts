import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { accountsConfig } from './server-config.ts'

/** `npm run nats:accounts`: writes infra/nats/accounts.conf. */
writeFileSync(join(import.meta.dirname, '..', 'accounts.conf'), accountsConfig())
