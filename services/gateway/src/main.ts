import { run } from '@fluxgate/runtime'
import { readGatewayConfig } from './config.ts'
import { startGateway } from './service.ts'

await run(process.env, { name: 'gateway', readConfig: readGatewayConfig, start: startGateway })
