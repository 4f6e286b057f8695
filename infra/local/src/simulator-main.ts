import { run } from '@fluxgate/runtime'
import { readSimulatorConfig } from './simulator/config.ts'
import { type Simulator, startSimulator } from './simulator/simulator.ts'

/** The model simulator on its own: `SIMULATOR_PORT` (11435), `SIMULATOR_LATENCY_MS`, `SIMULATOR_TOKENS_PER_SECOND`. */
await run(process.env, {
  name: 'simulator',
  readConfig: readSimulatorConfig,
  async start(config, log) {
    const simulator = await startSimulator(config)
    log.info({ url: simulator.url }, 'listening')
    return simulator
  },
  describe: service => ({ url: (service as Simulator).url, port: (service as Simulator).port }),
})
