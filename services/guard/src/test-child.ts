import { run } from '@fluxgate/runtime'
import type { Effects } from './apply-decision.ts'
import { readGuardConfig } from './config.ts'
import { startGuard } from './service.ts'

/**
 * A guard for tests that sends itself TEST_SIGNAL around the effect named by TEST_AT: `before:impose`, `after:impose`,
 * `after:publishImposed`, `after:publishOpened`, `after:publishExpired`. The first time only: a process that was stopped goes on. An effect whose
 * answer was late is tried again, and the last of them shows only as an incident that is open already.
 */
const [when, method] = (process.env.TEST_AT ?? '').split(':')
const signal = process.env.TEST_SIGNAL as NodeJS.Signals | undefined
let isSent = false

/** The effect of that name, with the signal before or after it. */
function around<K extends keyof Effects>(real: Effects, name: K): Effects[K] {
  const effect = real[name].bind(real) as (...args: unknown[]) => Promise<unknown>
  return (async (...args: unknown[]) => {
    if (when === 'before' && name === method) send()
    const result = await effect(...args)
    if (when === 'after' && name === method) send()
    return result
  }) as Effects[K]
}

function send(): void {
  if (isSent || !signal) return
  isSent = true
  process.kill(process.pid, signal)
}

function disturbed(real: Effects): Effects {
  return {
    async isOpened(incident) {
      const isOpened = await real.isOpened(incident)
      if (isOpened && when === 'after' && method === 'publishOpened') send()
      return isOpened
    },
    impose: around(real, 'impose'),
    publishImposed: around(real, 'publishImposed'),
    publishOpened: around(real, 'publishOpened'),
    publishJoined: around(real, 'publishJoined'),
    publishShadowed: around(real, 'publishShadowed'),
    publishExpired: around(real, 'publishExpired'),
    removeExpired: around(real, 'removeExpired'),
  }
}

await run(process.env, {
  name: 'guard',
  readConfig: readGuardConfig,
  start: (config, log) => startGuard(config, log, { effects: disturbed }),
})
