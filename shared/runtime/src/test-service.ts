import { run } from './run.ts'

/** A service for tests that does as TEST_SERVICE says; its life shows in the lines of its log. */
const behaviour = process.env.TEST_SERVICE

await run(process.env, {
  name: 'test',
  readConfig: env => ({ needed: env.text('NEEDED', 'given') }),
  async start(_config, log) {
    log.info('starting')
    // Keeps the process alive, as a server's connections do.
    const open = setInterval(() => {}, 60_000)
    if (behaviour === 'hangs') await new Promise(() => {})
    if (behaviour === 'fails') throw new Error('no luck')
    if (behaviour === 'throws-while-starting') {
      setTimeout(() => {
        throw new Error('thrown')
      })
      await new Promise(() => {})
    }
    if (behaviour === 'rejects') {
      for (const message of ['first', 'second']) void Promise.reject(new Error(message))
    }
    return {
      ended: behaviour === 'ends' ? Promise.resolve() : new Promise<void>(() => {}),
      async [Symbol.asyncDispose]() {
        log.info('disposing')
        if (behaviour === 'sticks') await new Promise(() => {})
        if (behaviour === 'breaks') throw new Error('cannot stop')
        clearInterval(open)
      },
    }
  },
  describe: () => ({ port: 7 }),
  ended: service => service.ended,
  stopLimitMs: () => 200,
  ...(behaviour === 'ends' ? { logTo: 'stderr' as const, logLevel: 'debug' as const } : {}),
})
