import { run } from '@fluxgate/runtime'
import { readGatewayConfig } from './config.ts'

/** After the drain: acknowledgements of the last events, connections to close. */
const CLOSE_LIMIT_MS = 10_000

await run(process.env, {
  name: 'gateway',
  readConfig: readGatewayConfig,
  // What only starts workers loads nothing of what they do.
  async start(config, log) {
    if (config.workers === 1) return (await import('./service.ts')).startGateway(config, log)
    const { startWorkers } = await import('./workers/index.ts')
    return startWorkers(config, import.meta.filename, log)
  },
  describe: ({ publicPort, adminPort }) => ({ publicPort, adminPort }),
  stopLimitMs: ({ limits }) => limits.drainDelayMs + limits.drainMs + CLOSE_LIMIT_MS,
})
