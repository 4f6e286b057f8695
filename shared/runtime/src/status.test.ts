import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { eventually } from '@fluxgate/testing'
import { createMetrics, startStatusServer } from './status.ts'

test('a status server closes the connections that are too many, and answers when one has left', async () => {
  await using server = await startStatusServer({ host: '127.0.0.1', port: 0 }, createMetrics('test'), {})
  let closed = 0
  const open = (): Socket =>
    connect(server.port!, '127.0.0.1')
      .on('error', () => {})
      .on('close', () => closed++)
  const sockets = Array.from({ length: 70 }, open)
  await eventually(() => assert.equal(closed, 6))
  for (const socket of sockets) socket.destroy()
  await eventually(() => assert.equal(closed, 70))
  await eventually(async () => {
    const answer = await fetch(`http://127.0.0.1:${server.port}/health`)
    assert.deepEqual(await answer.json(), { status: 'alive' })
  })
})
