import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startNatsServer } from '@fluxgate/testing'
import { connect, type NatsConnection } from 'nats'
import { internalsOf } from './client-internals.ts'

describe('private parts of the nats client', () => {
  it('are those that this package relies on', async () => {
    await using server = await startNatsServer()
    const connection = await connect({ servers: server.url })
    try {
      const { write, readBefore } = internalsOf(connection)
      const heard: string[] = []
      const states: boolean[] = []
      readBefore(client => bytes => {
        states.push(client.isBetweenMessages())
        heard.push(Buffer.from(bytes).toString())
        client.parse(bytes)
      })
      const subscription = connection.subscribe('greeting', { max: 1 })
      await connection.flush()
      write(Buffer.from('PUB greeting 5\r\nhello\r\n'))
      for await (const message of subscription) assert.equal(message.string(), 'hello')
      assert.match(heard.join(''), /MSG greeting \d+ 5\r\nhello\r\n/, 'readBefore() sees the raw bytes')
      assert.equal(states[0], true, 'parser.state is 0 between two messages')
    } finally {
      await connection.close()
    }
  })

  it('are named when a client has them no more', () => {
    const changed = { protocol: { sendCommand() {}, parser: {} } } as unknown as NatsConnection
    assert.throws(
      () => internalsOf(changed),
      /no protocol\.parser\.parse\(\), protocol\.parser\.state any more/,
    )
    assert.throws(() => internalsOf({} as NatsConnection), /no protocol\.sendCommand\(\)/)
  })
})
