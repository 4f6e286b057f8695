import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { eventually, freePort, startNatsServer } from '@fluxgate/testing'
import { connectNats } from './link.ts'
import { makeFirstEdition, silent, startBench } from './test-bench.ts'
import { DEFAULT_TOPOLOGY, ensureTopology, topology } from './topology.ts'

const GIB = 1024 ** 3

/** Three servers that form a cluster, as an address list. */
async function startCluster(): Promise<AsyncDisposable & { readonly url: string }> {
  await using stack = new AsyncDisposableStack()
  const ports = [await freePort(), await freePort(), await freePort()]
  const routes = ports.map(port => `"nats://127.0.0.1:${port}"`).join(', ')
  const servers = await Promise.all(
    ports.map(port =>
      startNatsServer({
        config: `cluster { name: "test", listen: "127.0.0.1:${port}", routes: [${routes}] }`,
      }),
    ),
  )
  for (const server of servers) stack.use(server)
  const owned = stack.move()
  return { url: servers.map(({ url }) => url).join(','), [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

describe('the topology', () => {
  it('is made once, and again changes nothing', async () => {
    await using bench = await startBench()
    const before = await bench.link.manager.streams.info('REQUESTS')
    await Promise.all([ensureTopology(bench.link), ensureTopology(await bench.connect())])
    const after = await bench.link.manager.streams.info('REQUESTS')
    assert.deepEqual(after.config, before.config)
  })

  it('is only ever raised, so that processes with different settings do not undo each other', async () => {
    await using bench = await startBench(4 * GIB)
    const room = async () => (await bench.link.manager.streams.info('REQUESTS')).config.max_bytes
    const share = 0.42
    await ensureTopology(bench.link, { storageBytes: 6 * GIB })
    assert.equal(await room(), Math.floor(6 * GIB * share))
    const warnings: string[] = []
    await using other = await connectNats({ url: bench.server.url, name: 'other' }, { ...silent, warn })
    function warn(_fields: object, message: string): void {
      // An old server is warned of too.
      if (message.startsWith('the stream')) warnings.push(message)
    }
    await ensureTopology(other, { storageBytes: 2 * GIB })
    assert.equal(await room(), Math.floor(6 * GIB * share))
    assert.deepEqual(new Set(warnings), new Set(['the stream keeps more room than NATS_STORAGE says']))
    // A changed setting of another kind is updated, and what was raised stays.
    const { config } = await bench.link.manager.streams.info('REQUESTS')
    await bench.link.manager.streams.update('REQUESTS', { ...config, max_age: 1_000_000_000_000 })
    await ensureTopology(other, { storageBytes: 2 * GIB })
    const { max_age, max_bytes } = (await bench.link.manager.streams.info('REQUESTS')).config
    assert.deepEqual([max_age, max_bytes], [config.max_age, Math.floor(6 * GIB * share)])
  })

  it('has three replicas where a cluster was asked for, and keeps them when another says one', async () => {
    await using cluster = await startCluster()
    await using link = await connectNats({ url: cluster.url, name: 'test' }, silent)
    const replicas = async () => {
      const infos = await Promise.all(['TOKENS', 'KV_throttles'].map(name => link.manager.streams.info(name)))
      return infos.map(({ config }) => config.num_replicas)
    }
    await ensureTopology(link, { storageBytes: GIB / 8 })
    assert.deepEqual(await replicas(), [1, 1])
    await ensureTopology(link, { replicas: 3, storageBytes: GIB / 8 })
    // A stream that has just got its replicas has no leader yet that would tell.
    await eventually(async () => assert.deepEqual(await replicas(), [3, 3]), { timeoutMs: 60_000 })
    await ensureTopology(link, { replicas: 1 })
    await ensureTopology(link)
    assert.deepEqual(await replicas(), [3, 3])
  })

  it('upgrades the streams of the first edition, and leaves what they hold', async () => {
    await using server = await startNatsServer()
    const warnings: string[] = []
    const warn = (_fields: object, message: string) => warnings.push(message)
    await using link = await connectNats({ url: server.url, name: 'test' }, { ...silent, warn })
    await makeFirstEdition(link, GIB)
    await link.jetstream.publish('fluxgate.incidents.opened.inc_00000001', '{}')
    warnings.length = 0
    for (const stated of [{}, { storageBytes: GIB }]) await ensureTopology(link, stated)
    for (const wanted of topology({ replicas: 1, storageBytes: DEFAULT_TOPOLOGY.storageBytes })) {
      const { config } = await link.manager.streams.info(wanted.name!)
      assert.partialDeepStrictEqual(config, { subjects: wanted.subjects, discard: wanted.discard })
      assert.ok(config.max_bytes >= wanted.max_bytes!)
    }
    assert.equal((await link.manager.streams.info('INCIDENTS')).state.messages, 1)
    // The second call said less than there is by then.
    assert.deepEqual(new Set(warnings), new Set(['the stream keeps more room than NATS_STORAGE says']))
  })

  it('keeps incidents for good', async () => {
    await using bench = await startBench()
    const { streams } = bench.link.manager
    await bench.link.jetstream.publish('fluxgate.incidents.opened.inc_00000001', '{}')
    await assert.rejects(streams.deleteMessage('INCIDENTS', 1))
    await assert.rejects(streams.purge('INCIDENTS'))
  })
})
