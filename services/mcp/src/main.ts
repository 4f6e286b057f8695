import { parseArgs } from 'node:util'
import { run } from '@fluxgate/runtime'
import { readMcpConfig, readStdioConfig } from './config.ts'
import { startMcp } from './service.ts'

const { values } = parseArgs({ options: { stdio: { type: 'boolean', default: false } } })
if (values.stdio) {
  // Standard output belongs to the protocol, and the server ends when the client closes its end.
  await run(process.env, {
    name: 'mcp',
    readConfig: readStdioConfig,
    start: startMcp,
    ended: mcp => mcp.ended,
    logTo: 'stderr',
    logLevel: 'warn',
  })
} else {
  await run(process.env, {
    name: 'mcp',
    readConfig: readMcpConfig,
    start: startMcp,
    describe: mcp => ({ port: mcp.port }),
  })
}
