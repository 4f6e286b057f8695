import { run } from '@fluxgate/runtime'
import { readProjectionConfig } from './config.ts'
import { startProjection } from './service.ts'

await run(process.env, { name: 'projection', readConfig: readProjectionConfig, start: startProjection })
