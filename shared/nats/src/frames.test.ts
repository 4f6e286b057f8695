import assert from 'node:assert/strict'
import { it } from 'node:test'
import { Frames, readFrames } from './frames.ts'

it('writes publishes as the protocol has them, lengths in bytes, all in one buffer', () => {
  const frames = new Frames('_INBOX.a')
  assert.ok(frames.isEmpty)
  frames.add({ subject: 's.one', id: 'ID1', payload: Buffer.from('{"text":"é\r\n"}') }, 7)
  frames.add({ subject: 's.two', id: 'ID2', payload: Buffer.alloc(0) }, 8)
  assert.equal(
    frames.take().toString('utf8'),
    'HPUB s.one _INBOX.a.7 30 45\r\nNATS/1.0\r\nNats-Msg-Id: ID1\r\n\r\n{"text":"é\r\n"}\r\n' +
      'HPUB s.two _INBOX.a.8 30 30\r\nNATS/1.0\r\nNats-Msg-Id: ID2\r\n\r\n\r\n',
  )
  assert.ok(frames.isEmpty)
})

it('reads its publishes back', () => {
  const frames = new Frames('_INBOX.a')
  const events = [
    { subject: 's.one', id: 'ID1', payload: Buffer.from('{"text":"é\r\nHPUB"}') },
    { subject: 's.two', id: 'ID2', payload: Buffer.alloc(0) },
    { subject: 's.three', id: 'ID3', payload: Buffer.from('x'.repeat(100_000)) },
  ]
  for (const [token, event] of events.entries()) frames.add(event, token)
  assert.deepEqual([...readFrames(frames.take())], events)
  assert.deepEqual([...readFrames(frames.take())], [])
})
