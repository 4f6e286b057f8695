import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { JsonLineParser, lineObject } from './json-lines.ts'
import { JsonSkimmer } from './json-skimmer.ts'
import { SharedRoom } from './room.ts'

function linesOf(chunks: readonly Uint8Array[], maxHeldBytes = 100_000): unknown[] {
  const found: unknown[] = []
  const room = new SharedRoom(1_000_000)
  const parser = new JsonLineParser(line => found.push(lineObject(line)), { maxHeldBytes, room })
  for (const chunk of chunks) parser.write(chunk)
  parser.end()
  assert.equal(room.bytes, 0)
  return found
}

test('a line is a document at every cut, with LF or CRLF, and the last one without an end', () => {
  const bytes = Buffer.from('{"a":"ü"}\n\n \r\n{"b":[1]}\r\nnot JSON\n{"c":{}}')
  const expected = [{ a: 'ü' }, { b: [1] }, undefined, { c: {} }]
  for (let cut = 0; cut <= bytes.length; cut++)
    assert.deepEqual(linesOf([bytes.subarray(0, cut), bytes.subarray(cut)]), expected)
  assert.deepEqual(linesOf([...bytes].map(byte => Uint8Array.of(byte))), expected)
})

test('a line too long to be held is skimmed', () => {
  const line = JSON.stringify({
    context: Array.from({ length: 20_000 }, (_, i) => i),
    done: true,
    eval_count: 7,
  })
  const bytes = Buffer.from(`${line}\n{"x":1}\n`)
  const [first, second] = linesOf([bytes.subarray(0, 5_000), bytes.subarray(5_000)], 1_000) as [
    { context: unknown[]; done: boolean; eval_count: number },
    object,
  ]
  assert.deepEqual([first.context.length, first.done, first.eval_count], [10_000, true, 7])
  assert.deepEqual(second, { x: 1 })
})

test('a skimmer reads the short members of any object as a parser does, however it is cut', () => {
  const key = fc.oneof(
    fc.constantFrom('usage', 'a\\"b', '\\', '"', 'ü', 'response'),
    fc.string({ maxLength: 5 }),
  )
  const value = fc.oneof(fc.jsonValue({ maxDepth: 3 }), fc.string(), fc.constantFrom('\\', '"', '}', '\\"'))
  const object = fc
    .dictionary(key, value, { maxKeys: 6 })
    .filter(each => !('' in each) && !('__proto__' in each))
  const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 })
  fc.assert(
    fc.property(object, fc.nat(2), cuts, (each, indent, at) => {
      // The members of `response` are read one by one, and those without a name are left out.
      fc.pre(!JSON.stringify(each).includes('"":') && !JSON.stringify(each).includes('__proto__'))
      const bytes = Buffer.from(JSON.stringify(each, undefined, indent))
      const ends = [...at.map(part => Math.round(part * bytes.length)), bytes.length].toSorted(
        (a, b) => a - b,
      )
      const skimmer = new JsonSkimmer()
      for (const [i, end] of ends.entries()) skimmer.write(bytes, ends[i - 1] ?? 0, end)
      assert.deepEqual(skimmer.value, JSON.parse(bytes.toString()))
      const byByte = new JsonSkimmer()
      for (const one of bytes) byByte.write(Uint8Array.of(one))
      assert.deepEqual(byByte.value, skimmer.value)
    }),
    { numRuns: 2_000 },
  )
})

test('a skimmer has no value before the end of the object, nor for what is none', () => {
  for (const text of ['', '[1]', '"x"', '{"a":1', '{"a":{"b":1}', '{"a" 1}', '{x}']) {
    const skimmer = new JsonSkimmer()
    skimmer.write(Buffer.from(text))
    assert.equal(skimmer.value, undefined, text)
  }
})

test('a skimmer keeps its memory bounded and skips what is too long', () => {
  const skimmer = new JsonSkimmer()
  skimmer.write(Buffer.from('{"text":"'))
  const part = Buffer.alloc(100_000, 'x')
  for (let i = 0; i < 100; i++) skimmer.write(part)
  skimmer.write(Buffer.from('","__proto__":{"polluted":1},"error":"late"}'))
  assert.deepEqual(skimmer.value, { error: 'late' })
})
