import assert from 'node:assert/strict'
import { it } from 'node:test'
import { connectNats, ensureTopology } from '@fluxgate/nats'
import { eventually, startNatsServer } from '@fluxgate/testing'
import { openFailedLogins } from './failed-logins.nats.ts'

it('a log that is away holds up no login', async () => {
  const log = { info() {}, warn() {}, error() {} }
  await using server = await startNatsServer()
  await using link = await connectNats({ url: server.url, name: 'test' }, log)
  await ensureTopology(link)
  const failedLogins = openFailedLogins(link, log, 200)
  await eventually(async () => assert.deepEqual(await failedLogins('nobody'), { count: 0 }))
  await server.pause()
  assert.equal(await failedLogins('nobody'), undefined, 'it says nothing')
  server.resume()
  await eventually(async () => assert.deepEqual(await failedLogins('nobody'), { count: 0 }))
  await server.stop('SIGKILL')
  await eventually(() => !link.isConnected())
  assert.equal(await failedLogins('nobody'), undefined, 'it is gone')
})
