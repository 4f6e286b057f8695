import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type EncodedRecord, pendingRecord } from './backlog.ts'
import { Frames } from './frames.ts'

const record = (payload: EncodedRecord['payload']) =>
  pendingRecord({ subject: '', id: '', payload, part: undefined }, undefined)

it('writes publishes as the protocol has them, lengths in bytes, all in one buffer', () => {
  const frames = new Frames('_INBOX.a')
  assert.ok(frames.isEmpty)
  const alone = { part: undefined, events: 1 }
  frames.add({ ...alone, subject: 's.one', id: 'ID1', records: [record('{"text":"é\r\n"}')] }, 7)
  frames.add({ ...alone, subject: 's.two', id: 'ID2', records: [record(Buffer.alloc(0))] }, 8)
  assert.equal(
    frames.take().toString('utf8'),
    'HPUB s.one _INBOX.a.7 30 45\r\nNATS/1.0\r\nNats-Msg-Id: ID1\r\n\r\n{"text":"é\r\n"}\r\n' +
      'HPUB s.two _INBOX.a.8 30 30\r\nNATS/1.0\r\nNats-Msg-Id: ID2\r\n\r\n\r\n',
  )
  assert.ok(frames.isEmpty)
})

it('writes a batch as one publish: what its events share, and the bytes of its parts', () => {
  const frames = new Frames('_INBOX.a')
  const part = { batch: 'B', first: 0, events: 2, source: '/gateway/a/1', schemas: 'tokens.settled:3' }
  const records = [record('{"a":"é"}\n{"b":1}\n'), record(Buffer.from('{"c":1}\n'))]
  frames.add({ subject: 'fluxgate.tokens.0', id: 'B', part, events: 3, records }, 1)
  const headers =
    'NATS/1.0\r\nNats-Msg-Id: B\r\nce-id: B\r\nce-source: /gateway/a/1\r\n' +
    'ce-dataschema: tokens.settled:3\r\nFluxgate-Events: 3\r\n\r\n'
  const body = '{"a":"é"}\n{"b":1}\n{"c":1}\n'
  assert.equal(
    frames.take().toString('utf8'),
    `HPUB fluxgate.tokens.0 _INBOX.a.1 ${headers.length} ${headers.length + Buffer.byteLength(body)}\r\n` +
      `${headers}${body}\r\n`,
  )
  const later = { ...part, first: 40 }
  frames.add({ subject: 'fluxgate.tokens.0', id: 'B-40', part: later, events: 2, records }, 2)
  assert.match(frames.take().toString(), /Nats-Msg-Id: B-40\r\nce-id: B\r\n[\s\S]*Fluxgate-First: 40\r\n/)
})
