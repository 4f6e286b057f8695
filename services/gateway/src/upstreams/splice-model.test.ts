import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { spliceText, withModel } from './splice-model.ts'

const splice = (text: string, name: string, value: string) =>
  spliceText(Buffer.from(text), name, value).toString()

it('replaces the value and keeps every other byte', () => {
  const body =
    '{ "seed":12345678901234567890,\n "model" : "a\\"b" , "x":{"model":"inner"}, "s":"\\"model\\":\\"no\\"" }'
  assert.equal(splice(body, 'model', 'ü"1'), body.replace('"a\\"b"', '"ü\\"1"'))
})

it('replaces each of a member that is there twice, and one whose name is escaped', () => {
  assert.equal(splice('{"model":"a","model":"b"}', 'model', 'c'), '{"model":"c","model":"c"}')
  assert.equal(splice('{"mod\\u0065l":"a"}', 'model', 'c'), '{"mod\\u0065l":"c"}')
})

it('leaves a body alone that has no such text', () => {
  for (const body of ['{}', '{"model":7}', '{"x":"model"}', '{"x":["model","y"]}', '{"models":"a"}']) {
    const bytes = Buffer.from(body)
    assert.equal(spliceText(bytes, 'model', 'c'), bytes, body)
  }
})

it('does to any object what parsing, setting and printing does', () => {
  const key = fc.oneof(fc.constantFrom('model', 'mod', '\\', '"', 'a\\"'), fc.string())
  const object = fc.dictionary(key, fc.oneof(fc.jsonValue(), fc.string(), fc.constant('model')))
  fc.assert(
    fc.property(object, fc.string(), fc.nat(4), (value, name, indent) => {
      const text = JSON.stringify(value, null, indent)
      const expected = typeof value.model === 'string' ? { ...value, model: name } : value
      assert.equal(splice(text, 'model', name), JSON.stringify(expected, null, indent))
    }),
    { numRuns: 2_000 },
  )
})

it("knows Ollama's older name for the model", () => {
  const named = (body: string) => withModel(Buffer.from(body), 'x', 'ollama').toString()
  assert.equal(named('{"name":"m"}'), '{"name":"x"}')
  assert.equal(named('{"name":"n","model":"m"}'), '{"name":"n","model":"x"}')
  assert.equal(withModel(Buffer.from('{"name":"m"}'), 'x', 'openai').toString(), '{"name":"m"}')
})
