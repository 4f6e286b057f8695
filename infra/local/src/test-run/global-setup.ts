import { serveLeases } from '@fluxgate/testing'
import type { RunServers } from './run-servers.ts'

/** For `node --test --test-global-setup`: one nats-server and one Postgres for all test files, started when one asks. */
const stack = new AsyncDisposableStack()
let servers: Promise<RunServers> | undefined

export async function globalSetup(): Promise<void> {
  stack.use(
    await serveLeases(async kind => {
      servers ??= start()
      return (await servers).grant(kind)
    }),
  )
}

async function start(): Promise<RunServers> {
  // Most runs of single files need none, and begin sooner without them.
  const { runServers } = await import('./run-servers.ts')
  return stack.use(runServers())
}

export async function globalTeardown(): Promise<void> {
  await stack.disposeAsync()
}
