import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { freePort } from '@fluxgate/testing'
import { nextFreePair, portFaults, portUses, resolvePorts } from './ports.ts'

test('all ports in use are named at once, with the variable that changes each', async () => {
  await using first = await taken('127.0.0.1')
  await using second = await taken('::')
  const free = await freePort()
  const uses = portUses({ public: first.port, admin: free, mcp: second.port, dashboard: free })
  assert.deepEqual(await portFaults(uses), [
    `port ${first.port} is taken: the gateway's public server needs it. Set PUBLIC_PORT to another port.`,
    `port ${second.port} is taken: the MCP server needs it. Set MCP_PORT to another port.`,
    `port ${free} is also ADMIN_PORT: the dashboard needs it. Set DASHBOARD_PORT to another port.`,
  ])
})

test('0 means any free port, and is never a fault', async () => {
  const ports = { public: 0, admin: 0, mcp: 0, dashboard: 0 }
  assert.deepEqual(await portFaults(portUses(ports)), [])
  const chosen = Object.values(await resolvePorts(ports))
  assert.ok(chosen.every(port => port > 0))
})

test('a joiner takes the next pair of which both are free', async () => {
  await using first = await taken('127.0.0.1')
  const admin = await freePort()
  const [publicPort, adminPort] = await nextFreePair(first.port, admin)
  assert.ok(publicPort > first.port)
  assert.equal(publicPort - first.port, adminPort - admin)
})

async function taken(host: string) {
  const server = createServer()
  server.listen(await freePort(), host)
  await once(server, 'listening')
  const address = server.address()
  return {
    port: typeof address === 'object' ? (address?.port ?? 0) : 0,
    async [Symbol.asyncDispose]() {
      await new Promise(done => server.close(done))
    },
  }
}
