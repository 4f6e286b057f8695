import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { EventStreamParser, eventObject, readEventStream, type StreamEvent } from './event-stream.ts'
import type { LineBounds } from './line-reader.ts'
import { SharedRoom } from './room.ts'

function eventsOf(chunks: readonly Uint8Array[], bounds?: LineBounds): StreamEvent[] {
  const events: StreamEvent[] = []
  const parser = new EventStreamParser(event => events.push(event), bounds)
  for (const chunk of chunks) parser.write(chunk)
  parser.end()
  return events
}
const plain = (events: StreamEvent[]) =>
  events.map(event => ({ ...event, data: Buffer.from(event.data).toString() }))
const reported = (chunks: readonly Uint8Array[]) =>
  eventsOf(chunks).map(({ name, data }) => [name, Buffer.from(data).toString()])
const parsed = (text: string) => reported([Buffer.from(text)])

test('an event ends at its blank line, whether lines end with LF, CRLF, CR or a mixture', () => {
  for (const end of ['\n', '\r\n', '\r']) {
    const text = ['event: a', 'data: 1', '', 'data:2', '', ''].join(end)
    assert.deepEqual(parsed(text), [
      ['a', '1'],
      ['', '2'],
    ])
  }
  assert.deepEqual(parsed('data: 1\r\n\ndata: 2\n\r\ndata: 3\r\r\n'), [
    ['', '1'],
    ['', '2'],
    ['', '3'],
  ])
})

test('the examples of the standard are read as it says', () => {
  const three = 'data: YHOO\ndata: +2\ndata: 10\n\n'
  assert.deepEqual(parsed(three), [['', 'YHOO\n+2\n10']])
  const comment =
    ': test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n'
  assert.deepEqual(
    parsed(comment).map(([, data]) => data),
    ['first event', 'second event', ' third event'],
  )
  assert.deepEqual(parsed('data\n\ndata\ndata\n\ndata:\n\n'), [
    ['', ''],
    ['', '\n'],
    ['', ''],
  ])
})

test('a byte order mark, comments, unknown fields and events without data are skipped', () => {
  const text =
    '\ufeffdata: 1\n\n: data: [DONE]\n\nevent: ping\n\nretry: 5\ndatas: x\nevents: y\n data: z\ndata: 2\n\n'
  assert.deepEqual(parsed(text), [
    ['', '1'],
    ['', '2'],
  ])
})

test('an event whose last blank line is missing is read when the stream ends', () => {
  assert.deepEqual(parsed('data: 1\n\nevent: end\ndata: 2'), [
    ['', '1'],
    ['end', '2'],
  ])
})

test('an event tells where it is in the stream, and its data', () => {
  const text = '\ufeff: hi\r\n\r\nevent: x\r\ndata: {"ü":1}\r\n\r\ndata: a\r\ndata: b\r\n\r\n'
  const bytes = Buffer.from(text)
  const whole = eventsOf([bytes])
  for (let cut = 0; cut <= bytes.length; cut++) {
    assert.deepEqual(
      plain(eventsOf([bytes.subarray(0, cut), bytes.subarray(cut)])),
      plain(whole),
      `cut at ${cut}`,
    )
  }
  const [first, second] = whole
  const raw = (event: StreamEvent) => bytes.toString('utf8', event.start, event.end)
  assert.equal(raw(first!), 'event: x\r\ndata: {"ü":1}\r\n\r\n')
  assert.equal(bytes.toString('utf8', first!.dataStart, first!.dataStart + first!.data.length), '{"ü":1}')
  assert.equal(raw(second!), 'data: a\r\ndata: b\r\n\r\n')
  assert.equal(second!.dataStart, -1)
})

test('a stream gives the same events however it is cut', () => {
  const piece = fc.constantFrom(
    ...['data: ', 'data:', 'data', 'event: a', 'event:', ': ', 'id: 1', '{"a":1}', 'ü', '👋', '\ufeff', ' '],
    ...['\n', '\n', '\r\n', '\r\n', '\r', '\n\n', '\r\n\r\n', '\r\r', '[DONE]'],
  )
  const stream = fc.array(piece, { maxLength: 30 }).map(pieces => Buffer.from(pieces.join('')))
  const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 })
  fc.assert(
    fc.property(stream, cuts, (bytes, at) => {
      const whole = reported([bytes])
      const ends = [...at.map(part => Math.round(part * bytes.length)), bytes.length].toSorted(
        (a, b) => a - b,
      )
      assert.deepEqual(reported(ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end))), whole)
      assert.deepEqual(reported([...bytes].map(byte => Uint8Array.of(byte))), whole)
      assert.deepEqual(whole, reference(bytes.toString()))
    }),
    { numRuns: 3_000 },
  )
})

/** The standard's algorithm on a text that is there as a whole. */
function reference(text: string): string[][] {
  const found: string[][] = []
  let name = ''
  let data: string[] | undefined
  const dispatch = () => {
    if (data) found.push([name, data.join('\n')])
    name = ''
    data = undefined
  }
  for (const line of text.replace(/^\ufeff/, '').split(/\r\n|\n|\r/)) {
    if (line === '') dispatch()
    const [, field, value = ''] = /^([^:]*)(?:: ?(.*))?$/su.exec(line)!
    if (field === 'data') data = [...(data ?? []), value]
    if (field === 'event') name = value
  }
  dispatch()
  return found
}

test('an event too large to be held is skimmed, and its small members are found at every cut', () => {
  const response = {
    id: 'resp_1',
    instructions: 'x"\\"{'.repeat(20_000),
    output: [{ content: 'y'.repeat(50_000) }, 2, 3],
    usage: { input_tokens: 3, output_tokens: 4 },
  }
  const json = JSON.stringify({ type: 'response.completed', response })
  const text = `event: response.completed\ndata: ${json}\n\ndata: [DONE]\n\n`
  const bytes = Buffer.from(text)
  for (const cut of [1, 30, 32, 40, 5_000, 100_000, bytes.length - 60, bytes.length - 30]) {
    const events = eventsOf([bytes.subarray(0, cut), bytes.subarray(cut)], { maxHeldBytes: 1_000 })
    const [event, done] = events
    assert.equal(Buffer.from(done!.data).toString(), '[DONE]')
    const object = eventObject(event!) as { type: string; response: typeof response }
    assert.equal(event!.name, 'response.completed')
    assert.equal(object.type, 'response.completed')
    assert.deepEqual(object.response.usage, response.usage, `cut at ${cut}`)
    assert.equal(object.response.output.length, 3)
  }
})

test('data of many lines is bounded as a whole', () => {
  const lines = Array.from({ length: 100 }, (_, i) => `data: "k${i}": ${JSON.stringify('z'.repeat(100))},`)
  const text = `data: {\n${lines.join('\n')}\ndata: "usage": {"a":1}}\n\n`
  const chunks = text.match(/[\s\S]{1,50}/g)!.map(part => Buffer.from(part))
  const [event] = eventsOf(chunks, { maxHeldBytes: 2_000 })
  assert.equal(event!.isTooLarge, true)
  assert.deepEqual(eventObject(event!)!.usage, { a: 1 })
})

test('a parser gives back all that it held, whole or cut, and skims when the room is used up', () => {
  const room = new SharedRoom(1_000)
  const bytes = Buffer.from(`data: {"text":"${'x'.repeat(700)}","usage":{"a":1}}\n`)
  const halves = [bytes.subarray(0, 400), bytes.subarray(400)]
  const events: StreamEvent[] = []
  const open = () => new EventStreamParser(event => events.push(event), { room })
  const first = open()
  const second = open()
  for (const half of halves) {
    first.write(half)
    second.write(half)
  }
  assert.ok(room.bytes > 600 && room.bytes <= 1_000, `${room.bytes}`)
  first.write(Buffer.from('\n'))
  second.write(Buffer.from('\n'))
  assert.equal(room.bytes, 0)
  assert.deepEqual(
    events.map(event => event.isTooLarge),
    [true, false],
  )
  for (const event of events) assert.deepEqual(eventObject(event)!.usage, { a: 1 })
  const third = open()
  third.write(halves[0]!)
  assert.ok(room.bytes > 0)
  third.close()
  assert.equal(room.bytes, 0)
})

test('readEventStream gives texts and refuses an event that is larger than its bound', async () => {
  async function* stream(text: string) {
    for (const char of text) yield Buffer.from(char)
  }
  const found: string[] = []
  for await (const { name, data } of readEventStream(stream('event: a\r\ndata: ü\r\n\r\ndata: 2\r\n\r\n')))
    found.push(`${name}=${data}`)
  assert.deepEqual(found, ['a=ü', '=2'])
  await assert.rejects(async () => {
    for await (const _ of readEventStream(stream(`data: ${'x'.repeat(200)}\n\n`), { maxHeldBytes: 100 }));
  }, RangeError)
})
