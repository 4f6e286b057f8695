import { type EventMaker, eventMaker, type OutgoingEvent, TokensSettled } from '@fluxgate/contracts'
import { type NatsServer, startNatsServer } from '@fluxgate/testing'
import { DiscardPolicy } from 'nats'
import type { BatchOptions } from './batch-builder.ts'
import { connectNats, type LinkLog, type NatsLink } from './link.ts'
import { DEFAULT_TOPOLOGY, ensureTopology, topology } from './topology.ts'

export const silent: LinkLog = { info() {}, warn() {}, error() {} }

/** A server with the whole topology, and a connection to it: what each of this package's tests starts from. */
export interface TestBench extends AsyncDisposable {
  readonly server: NatsServer
  readonly link: NatsLink
  connect(): Promise<NatsLink>
}

export async function startBench(storageBytes = DEFAULT_TOPOLOGY.storageBytes): Promise<TestBench> {
  const stack = new AsyncDisposableStack()
  const server = stack.use(await startNatsServer())
  const connect = async () => stack.use(await connectNats({ url: server.url, name: 'test' }, silent))
  const link = await connect()
  await ensureTopology(link, { replicas: 1, storageBytes })
  return { server, link, connect, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

/** The streams as version 0.1.0 made them: no REFUSALS and no addresses, AUTH with more room, INCIDENTS refusing when full. */
export async function makeFirstEdition({ manager }: NatsLink, storageBytes: number): Promise<void> {
  const later = new Set(['REFUSALS', 'KV_addresses', 'KV_address_keys'])
  for (const config of topology({ replicas: 1, storageBytes })) {
    if (later.has(config.name!)) continue
    const discard = config.name === 'INCIDENTS' ? DiscardPolicy.New : config.discard!
    const maxBytes = config.name === 'AUTH' ? Math.floor(storageBytes * 0.1) : config.max_bytes!
    await manager.streams.add({ ...config, discard, max_bytes: maxBytes })
  }
}

let ids = 0
export const make: EventMaker = eventMaker(
  '/test/1',
  () => `test-${process.pid}-${String(++ids).padStart(12, '0')}`,
  Date.now,
)

/** Batches of the events that {@link make} makes. */
export const batches: BatchOptions = {
  source: '/test/1',
  newId: () => `batch-${process.pid}-${String(++ids).padStart(12, '0')}`,
  partitions: 1,
}

/** A settlement whose `total` is its number, so that a test can see which ones arrived. */
export function numbered(number: number): OutgoingEvent {
  return make(TokensSettled, {
    request: `req_${String(number).padStart(8, '0')}`,
    user: `user${number % 50}`,
    key: 'k1',
    tier: 'free',
    refillRate: 100,
    model: 'test',
    upstream: 'test',
    usage: { input: 0, output: number },
    total: number,
    reserved: number,
    progressed: 0,
    source: 'reported',
  })
}

export function numberOf(event: { data: unknown }): number {
  return (event.data as { total: number }).total
}
