import { runForensics } from './service.ts'

/** An open handle (a server that has not let us in) must not keep a finished command alive. */
const STOP_LIMIT_MS = 500

const interrupt = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupt.abort())

process.exitCode = await runForensics(process.argv.slice(2), process.env, {
  input: process.stdin,
  output: process.stdout,
  errors: process.stderr,
  colours: process.stdout.isTTY === true && !process.env.NO_COLOR,
  bars: process.stderr.isTTY === true,
  interrupted: interrupt.signal,
})
setTimeout(() => process.exit(), STOP_LIMIT_MS).unref()
