import { run } from '@fluxgate/runtime'
import { readGuardConfig } from './config.ts'
import { startGuard } from './service.ts'

await run(process.env, {
  name: 'guard',
  readConfig: readGuardConfig,
  start: startGuard,
  describe: guard => ({ metricsPort: guard.metricsPort }),
})
