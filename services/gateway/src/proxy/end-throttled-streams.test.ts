import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Throttle } from '@fluxgate/contracts'
import { eventually } from '@fluxgate/testing'
import { endThrottledStreams } from './end-throttled-streams.ts'
import { KEY, startTestEnv } from './test-proxy.ts'

const throttle: Throttle = {
  capacity: 1,
  refillRate: 1,
  imposedAt: 0,
  until: 60_000,
  reason: 'flood',
  rule: 'manual',
  actor: 'admin',
  endStreams: true,
}

it('a throttle ends the streams of its identity when it says so, and only those', async () => {
  await using env = await startTestEnv((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: {"choices":[{"delta":{"content":"x"}}]}\n\n')
  })
  const response = await fetch(`${env.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: '{"model":"m","stream":true}',
  })
  endThrottledStreams(env.running, 'u1.other', throttle, 0)
  endThrottledStreams(env.running, 'u1.k1', { ...throttle, endStreams: false }, 0)
  endThrottledStreams(env.running, 'u1.k1', throttle, throttle.until)
  endThrottledStreams(env.running, 'u1.k1', undefined, 0)
  assert.equal(env.named('requests.interrupted').length, 0)
  endThrottledStreams(env.running, 'u1.k1', throttle, 0)
  await eventually(() => assert.equal(env.named('requests.interrupted').length, 1))
  assert.match(await response.text(), /\ndata: \{"error":\{.*throttled.*\}\}\n\n$/)
  assert.equal(env.named('requests.interrupted')[0]!.data.by, 'throttle')
  assert.equal(env.named('tokens.settled').length, 1)
  assert.equal(env.running.size, 0)
})
