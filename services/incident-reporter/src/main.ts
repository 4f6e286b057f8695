import { run } from '@fluxgate/runtime'
import { readReporterConfig } from './config.ts'
import { startIncidentReporter } from './service.ts'

await run(process.env, {
  name: 'incident-reporter',
  readConfig: readReporterConfig,
  start: startIncidentReporter,
  describe: reporter => ({ metricsPort: reporter.metricsPort }),
})
