import assert from 'node:assert/strict'
import { it } from 'node:test'
import { parseEvent } from '@fluxgate/contracts'
import type { StoredMessage } from '@fluxgate/nats'
import { pack, unpack } from './packed-messages.ts'

it('messages come out of their buffer as they went in, empty and unreadable ones too', () => {
  const streams = ['TOKENS', 'REQUESTS']
  const rest = {
    subject: '',
    headers: undefined,
    index: undefined,
    delivery: 1,
    attempt: 1,
    pending: 0,
    reply: '',
  }
  const messages: StoredMessage[] = ['{"a":"ü"}', '', '\u0000\n', '{}'].map((text, i) => ({
    ...rest,
    stream: streams[i % 2]!,
    sequence: 2 ** 40 + i,
    storedAtMs: 1_800_000_000_000 + i,
    data: Buffer.from(text),
    parse: () => parseEvent(Buffer.from(text)),
  }))
  const back = [...unpack(pack(messages, streams), streams)].map(({ data, head: _, ...place }) => ({
    ...place,
    text: Buffer.from(data).toString(),
  }))
  assert.deepEqual(
    back,
    messages.map(({ stream, sequence, storedAtMs, data }) => ({
      stream,
      sequence,
      storedAtMs,
      text: Buffer.from(data).toString(),
    })),
  )
  assert.deepEqual([...unpack(pack([], streams), streams)], [])
})
