import { run } from '@fluxgate/runtime'
import { readGatewayConfig } from './config.ts'
import { startGateway } from './service.ts'

/** After the drain: acknowledgements of the last events, connections to close. */
const CLOSE_LIMIT_MS = 10_000

await run(process.env, {
  name: 'gateway',
  readConfig: readGatewayConfig,
  start: startGateway,
  stopLimitMs: ({ limits }) => limits.drainDelayMs + limits.drainMs + CLOSE_LIMIT_MS,
})
