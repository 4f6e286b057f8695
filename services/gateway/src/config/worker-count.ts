import { availableParallelism } from 'node:os'
import type { EnvReader } from '@fluxgate/runtime'

const MAX_WORKERS = 64

/** `GATEWAY_WORKERS`: how many processes serve the public port; `auto` is one for each core that this process may use. */
export function readWorkerCount(env: EnvReader): number {
  if (env.optional('GATEWAY_WORKERS') === 'auto') return Math.min(MAX_WORKERS, availableParallelism())
  return env.integer('GATEWAY_WORKERS', 1, { min: 1, max: MAX_WORKERS })
}
