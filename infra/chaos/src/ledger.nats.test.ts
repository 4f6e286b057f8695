import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { connectNats, ensureTopology, type NatsLink } from '@fluxgate/nats'
import { createLog } from '@fluxgate/runtime'
import { type NatsServer, testNats } from '@fluxgate/testing'
import { countAgainst, readLedger } from './ledger.ts'

/** The suite is worth what this reader sees: each way to lose or double a fact is brought about by hand. */
let server: NatsServer
let link: NatsLink
let ids = 0
before(async () => {
  server = await testNats()
  link = await connectNats({ url: server.url, name: 'test' }, createLog('test', 'silent'))
  await ensureTopology(link)
})
after(async () => {
  await link[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

async function publish(fact: string, data: object, id = `event-${++ids}`): Promise<void> {
  const [stream] = fact.split('.')
  const subject =
    stream === 'incidents' ? `fluxgate.${fact}.i1` : `fluxgate.${stream}.00.${fact.split('.')[1]}.u.k`
  await link.jetstream.publish(
    subject,
    JSON.stringify({ specversion: '1.0', id, type: `fluxgate.${fact}`, data }),
  )
}

async function whole(request: string): Promise<void> {
  await publish('requests.admitted', { request })
  await publish('requests.completed', { request })
  await publish('tokens.settled', { request, total: 10 })
}

it('sees what is missing, doubled, open, settled otherwise and unreadable', async () => {
  const fine = { request: 'fine', tokens: 10 }
  await whole('fine')
  const nothing = { missing: 0, doubled: 0, open: 0, tokensDiffer: 0, examples: [] }
  assert.deepEqual(countAgainst(await readLedger(server.url), [fine]), nothing)

  const lost = countAgainst(await readLedger(server.url), [fine, { request: 'lost', tokens: 10 }])
  assert.deepEqual([lost.missing, lost.doubled], [3, 0])
  const other = countAgainst(await readLedger(server.url), [{ request: 'fine', tokens: 11 }])
  assert.deepEqual([other.missing, other.tokensDiffer], [0, 1])

  await publish('requests.admitted', { request: 'open' })
  await publish('requests.completed', { request: 'open' })
  const open = countAgainst(await readLedger(server.url), [{ request: 'open', tokens: 10 }])
  assert.deepEqual([open.missing, open.open], [1, 1])

  await whole('twice')
  await publish('tokens.settled', { request: 'twice', total: 10 })
  assert.equal(countAgainst(await readLedger(server.url), []).doubled, 1)
  await publish('requests.interrupted', { request: 'twice' })
  assert.equal(countAgainst(await readLedger(server.url), []).doubled, 2)
  // The same event stored again: a copy, and a second step of its request.
  await publish('requests.admitted', { request: 'copied' }, 'event-copied')
  await publish('requests.admitted', { request: 'copied' }, 'event-copied')
  assert.equal(countAgainst(await readLedger(server.url), []).doubled, 4)

  await publish('incidents.opened', { incident: 'i1', user: 'mallory' })
  assert.deepEqual((await readLedger(server.url)).incidentsOf('mallory'), {
    opened: 1,
    throttled: 0,
    reported: false,
  })
  await publish('incidents.reported', { incident: 'i1' })
  await publish('throttles.imposed', { incident: 'i1', user: 'mallory' })
  const { unreadable, incidentsOf } = await readLedger(server.url)
  assert.deepEqual(incidentsOf('mallory'), { opened: 1, throttled: 1, reported: true })
  assert.deepEqual(unreadable, [])
  const { stream, seq } = await link.jetstream.publish('fluxgate.tokens.00.settled.u.k', '[1]')
  assert.deepEqual((await readLedger(server.url)).unreadable, [`${stream}:${seq}`])
})
