import { run } from '@fluxgate/runtime'
import { readDashboardConfig } from './config.ts'
import { type Dashboard, startDashboard } from './service.ts'

await run(process.env, {
  name: 'dashboard',
  readConfig: readDashboardConfig,
  start: startDashboard,
  describe: service => ({ url: (service as Dashboard).url, port: (service as Dashboard).port }),
})
