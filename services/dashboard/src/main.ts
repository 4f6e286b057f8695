import { run } from '@fluxgate/runtime'
import { readDashboardConfig } from './config.ts'
import { startDashboard } from './service.ts'

await run(process.env, {
  name: 'dashboard',
  readConfig: readDashboardConfig,
  start: startDashboard,
  describe: service => ({ url: service.url, port: service.port }),
})
