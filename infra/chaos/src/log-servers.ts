import { freePort, type NatsServer, startNatsServer } from '@fluxgate/testing'

const CLUSTER_SIZE = 3

/** The servers that hold the log: one, or three on loopback that form a cluster. */
export interface LogServers extends AsyncDisposable {
  /** What services get as `NATS_URL`. */
  readonly url: string
  readonly servers: readonly NatsServer[]
}

/** @param maxFileBytes JetStream's limit, below the disk's size: 2.9.10 hangs on a full disk, and answers 10023 at its limit */
export async function startLogServers(size: 1 | 3, maxFileBytes?: number): Promise<LogServers> {
  await using stack = new AsyncDisposableStack()
  const limit = maxFileBytes === undefined ? {} : { maxFileBytes }
  const servers: NatsServer[] = []
  if (size === 1) servers.push(stack.use(await startNatsServer(limit)))
  else {
    const ports = await Promise.all(Array.from({ length: CLUSTER_SIZE }, freePort))
    const routes = ports.map(port => `"nats://127.0.0.1:${port}"`).join(', ')
    const started = ports.map(port =>
      startNatsServer({
        ...limit,
        config: `cluster { name: "chaos", listen: "127.0.0.1:${port}", routes: [${routes}] }`,
      }),
    )
    for (const server of await Promise.all(started)) servers.push(stack.use(server))
  }
  const owned = stack.move()
  return {
    servers,
    url: servers.map(({ url }) => url).join(','),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
