import assert from 'node:assert/strict'
import { Agent, request } from 'node:http'
import { after, before, describe, it } from 'node:test'
import { eventually, freePort } from '@fluxgate/testing'
import { startGateways, type TestGateways } from './gateways.ts'

const BODY = '{"model":"m"}'
/** That all of so many connections reach the same of two nodes has a chance of one to 2^63. */
const CONNECTIONS = 64

describe('two nodes on one port', {
  skip: process.platform !== 'linux' && 'Linux spreads connections',
}, () => {
  const stack = new AsyncDisposableStack()
  let gateways: TestGateways
  let port: number
  let key: string

  before(async () => {
    port = await freePort()
    gateways = stack.use(await startGateways(['one'], { PUBLIC_PORT: String(port), REUSE_PORT: 'on' }))
    const made = await gateways.admin('POST', '/admin/keys/generate', { user_id: 'ada', tier: 'pro' })
    key = String(made.body.key)
  })
  after(() => stack.disposeAsync())

  it('serve it together, and the one that stays serves on', async () => {
    {
      await using _two = await gateways.start('two')
      await callOnEach(CONNECTIONS)
      await eventually(async () => {
        const found = await nodesOfAdmitted()
        assert.equal(found.length, CONNECTIONS)
        assert.deepEqual([...new Set(found)].sort(), ['one', 'two'])
        return true
      })
    }
    await callOnEach(CONNECTIONS)
  })

  it('are one too many where the port is not to be shared', async () => {
    const refused = gateways.start('three', { REUSE_PORT: 'off' })
    await assert.rejects(refused, { code: 'EADDRINUSE' })
  })

  async function callOnEach(connections: number): Promise<void> {
    const statuses = await Promise.all(Array.from({ length: connections }, callOnce))
    assert.deepEqual([...new Set(statuses)], [200])
  }

  /** A call on a connection of its own. */
  function callOnce(): Promise<number | undefined> {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
    return new Promise((resolve, reject) => {
      const agent = new Agent({ keepAlive: false })
      const options = {
        host: '127.0.0.1',
        port,
        path: '/v1/chat/completions',
        method: 'POST',
        headers,
        agent,
      }
      const call = request(options, response => {
        response.resume().on('end', () => resolve(response.statusCode))
      })
      call.on('error', reject).end(BODY)
    })
  }

  async function nodesOfAdmitted(): Promise<Array<string | undefined>> {
    const facts = await gateways.facts('REQUESTS', 'ada')
    return facts
      .filter(({ type }) => type === 'fluxgate.requests.admitted')
      .map(({ source }) => source.split('/')[2])
  }
})
