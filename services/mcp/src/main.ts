import { parseArgs } from 'node:util'
import { run } from '@fluxgate/runtime'
import { readMcpConfig } from './config.ts'
import { runStdio } from './run-stdio.ts'
import { type Mcp, startMcp } from './service.ts'

const { values } = parseArgs({ options: { stdio: { type: 'boolean', default: false } } })
if (values.stdio) await runStdio(process.env)
else {
  await run(process.env, {
    name: 'mcp',
    readConfig: readMcpConfig,
    start: startMcp,
    describe: mcp => ({ port: (mcp as Mcp).port }),
  })
}
