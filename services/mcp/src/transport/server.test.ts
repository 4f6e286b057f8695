import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { LOOPBACK_HOSTS } from '@fluxgate/runtime'
import { eventually } from '@fluxgate/testing'
import { InMemoryServerEventBus } from '@modelcontextprotocol/server'
import { z } from 'zod'
import type { Backends } from '../backends/backends.ts'
import { ToolRunner } from '../calls/run-tool.ts'
import { answered, defineTool, OPERATOR } from '../calls/tool.ts'
import { fixedToken } from './authenticate.ts'
import { buildServer } from './mcp-server.ts'
import { startHttp } from './server.http.ts'

const log = { info() {}, warn() {}, error() {} }
const TOKEN = 'a-token-of-the-tests'
const LIMITS = {
  callsPerMinute: 600,
  callBurst: 100,
  maxRunningCalls: 4,
  callTimeoutMs: 5_000,
  longCallTimeoutMs: 5_000,
  maxLongCallsOfSession: 1,
  maxLongCalls: 1,
  maxBodyBytes: 10_000,
  maxHeaderBytes: 16_384,
  maxConnections: 10,
  requestTimeoutMs: 5_000,
  maxSessions: 2,
  maxSessionsOfCaller: 2,
  sessionIdleMs: 60_000,
  sessionMaxMs: 60_000,
  headersTimeoutMs: 5_000,
}

test('a client that closes its stream cancels its call; a server that stops lets calls finish', async () => {
  let begun = 0
  const started = Promise.withResolvers<void>()
  const cancelled = Promise.withResolvers<void>()
  const slow = defineTool({
    name: 'slow',
    title: 'Slow',
    description: 'Waits as long as it is told.',
    effect: 'reads' as const,
    input: z.strictObject({ ms: z.int() }),
    output: z.object({ ms: z.int() }),
    async answer({ ms }, _backends, { signal }) {
      signal.addEventListener('abort', () => cancelled.resolve())
      begun++
      started.resolve()
      await sleep(ms, undefined, { signal })
      return answered({ ms }, 'done')
    },
  })
  const runner = new ToolRunner({ nowMs: Date.now } as unknown as Backends, LIMITS, log)
  const server = await startHttp(
    { host: '127.0.0.1', port: 0 },
    {
      limits: LIMITS,
      log,
      checks: {},
      authenticate: fixedToken(TOKEN, OPERATOR),
      allowed: { hosts: new Set(LOOPBACK_HOSTS), origins: new Set<string>() },
      bus: new InMemoryServerEventBus(),
      serverFor: caller => buildServer([slow], caller, runner, async () => undefined),
    },
  )
  const call = (ms: number, signal?: AbortSignal) =>
    fetch(`http://127.0.0.1:${server.port}/mcp`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        authorization: `Bearer ${TOKEN}`,
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: { name: 'slow', arguments: { ms } },
      }),
      ...(signal && { signal }),
    })

  const leaving = new AbortController()
  const left = call(60_000, leaving.signal).then(response => response.text())
  await started.promise
  leaving.abort()
  await assert.rejects(left)
  await cancelled.promise
  await runner.idle()

  const answer = call(200).then(response => response.text())
  await eventually(async () => begun === 2)
  await server[Symbol.asyncDispose]()
  assert.match(await answer, /"structuredContent":\{"ms":200\}/)
})
