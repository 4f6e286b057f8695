import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { BUCKETS, jsonParser, STREAMS, Throttle } from '@fluxgate/contracts'
import { Bucket } from '@fluxgate/nats'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { callTool, startBench, type TestBench } from '../test-bench.ts'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))
const ARGS = ['--disable-warning=ExperimentalWarning', MAIN, '--stdio']

describe('over standard input and output', () => {
  let bench: TestBench
  let env: Record<string, string>
  before(async () => {
    bench = await startBench()
    const { NATS_URL = '', DATABASE_URL = '' } = bench.env
    // No token: who starts the process holds its environment.
    env = { NATS_URL, DATABASE_URL, PATH: process.env.PATH ?? '' }
  })
  after(() => bench[Symbol.asyncDispose]())

  test("the SDK's client asks and orders", async () => {
    const box = new Bucket(bench.link, BUCKETS.throttles, jsonParser(Throttle))
    const transport = new StdioClientTransport({ command: process.execPath, args: ARGS, env })
    const client = new Client({ name: 'test', version: '1' })
    await client.connect(transport)
    assert.equal(client.getServerVersion()?.name, 'fluxgate')
    assert.match(client.getInstructions() ?? '', /event log/)
    const health = await callTool(client, 'stream_health')
    assert.equal((health.data.streams as unknown[]).length, Object.keys(STREAMS).length + 1)
    const order = { identity: 'u1.k1', capacity: 5, refillRate: 1, seconds: 60, reason: 'floods us' }
    assert.equal((await callTool(client, 'throttle_identity', order)).isError, false)
    assert.equal((await box.get('u1.k1'))?.value.actor, 'mcp:operator')
    await client.close()
  })

  test('what was asked before the client left is answered, and nothing else is on standard output', async () => {
    const child = spawn(process.execPath, ARGS, { env })
    const params = {
      protocolVersion: '2025-06-18',
      capabilities: {},
      clientInfo: { name: 't', version: '1' },
    }
    child.stdin.end(
      [
        { jsonrpc: '2.0', id: 1, method: 'initialize', params },
        { jsonrpc: '2.0', method: 'notifications/initialized' },
        { jsonrpc: '2.0', id: 2, method: 'tools/call', params: { name: 'stream_health', arguments: {} } },
        {
          jsonrpc: '2.0',
          id: 3,
          method: 'tools/call',
          params: { name: 'get_gateway_metrics', arguments: {} },
        },
      ]
        .map(message => `${JSON.stringify(message)}\n`)
        .join(''),
    )
    const [output, faults, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit'),
    ])
    assert.deepEqual([code, faults], [0, ''])
    const answers = output
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as { id: number; result?: { isError?: boolean } })
    assert.deepEqual(answers.map(({ id }) => id).sort(), [1, 2, 3])
    for (const { result } of answers) assert.ok(result && !result.isError)
  })

  test('a signal ends it, and a wrong environment is reported on standard error', async () => {
    const child = spawn(process.execPath, ARGS, { env })
    child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' })}\n`)
    // One that cannot start says why, instead of being waited for.
    const ended = text(child.stderr).then(told => assert.fail(`ended unasked: ${told}`))
    await Promise.race([once(child.stdout, 'data'), ended])
    child.kill('SIGTERM')
    assert.deepEqual(await once(child, 'exit'), [0, null])

    const wrong = spawn(process.execPath, ARGS, { env: { DATABASE_URL: 'mysql://x' } })
    const [output, faults, [code]] = await Promise.all([
      text(wrong.stdout),
      text(wrong.stderr),
      once(wrong, 'exit'),
    ])
    assert.deepEqual([code, output], [2, ''])
    assert.match(faults, /^mcp: NATS_URL is missing$/m)
    assert.match(faults, /^mcp: DATABASE_URL="mysql:/m)
  })
})
