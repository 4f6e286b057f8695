import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleSchema } from './sample-schema.ts'

test('numbers keep their bounds and steps', () => {
  assert.equal(sampleSchema({ type: 'number', minimum: 0, maximum: 1 }, ''), 0.5)
  assert.equal(sampleSchema({ type: 'integer', exclusiveMinimum: 4 }, ''), 5)
  assert.equal(sampleSchema({ type: 'integer', minimum: 3, multipleOf: 5 }, ''), 5)
  assert.equal(sampleSchema({ type: 'integer', maximum: -2 }, ''), -2)
  assert.equal(sampleSchema({ type: ['null', 'integer'] }, ''), 0)
})

test('texts keep their lengths, and an id is found in the prompt', () => {
  assert.equal(sampleSchema({ type: 'string', maxLength: 9 }, 'x'), 'Simulated')
  assert.equal(String(sampleSchema({ type: 'string', minLength: 500 }, 'x')).length, 500)
  assert.equal(
    sampleSchema({ type: 'string', pattern: '^inc_[0-9a-z]{8,40}$' }, 'about inc_0123abcd, now'),
    'inc_0123abcd',
  )
  assert.equal(sampleSchema({ type: 'string', format: 'date-time' }, ''), '2026-01-01T00:00:00Z')
})

test('unions, constants, references inside the document and schemas that hold themselves', () => {
  const schema = {
    type: 'object',
    properties: {
      kind: { anyOf: [{ const: 'a' }, { const: 'b' }] },
      verdict: { enum: ['abuse', 'unknown'] },
      severity: { enum: ['low', 'high'] },
      maybe: { oneOf: [{ type: 'null' }, { type: 'boolean' }] },
      both: { allOf: [{ $ref: '#/$defs/named' }, { properties: { b: { const: 2 } } }] },
      tree: { $ref: '#/$defs/tree' },
    },
    required: ['kind', 'verdict', 'severity', 'maybe', 'both', 'tree'],
    $defs: {
      named: { type: 'object', properties: { a: { const: 1 } } },
      tree: { type: 'object', properties: { children: { type: 'array', items: { $ref: '#/$defs/tree' } } } },
    },
  }
  const { tree, ...rest } = sampleSchema(schema, 'facts: {"severity":"high"}') as Record<string, unknown>
  assert.deepEqual(rest, {
    kind: 'a',
    verdict: 'unknown',
    severity: 'high',
    maybe: false,
    both: { a: 1, b: 2 },
  })
  assert.ok(JSON.stringify(tree).length < 500)
})

test('references fill arrays within their bounds, each one cited once', () => {
  const reference = {
    type: 'object',
    properties: { stream: { type: 'string' }, sequence: { type: 'integer', minimum: 1 } },
    required: ['stream', 'sequence'],
  }
  const prompt = 'REQUESTS:3, TOKENS:9, REQUESTS:3 and AUTH:1'
  assert.deepEqual(sampleSchema({ type: 'array', items: reference, maxItems: 2 }, prompt), [
    { stream: 'REQUESTS', sequence: 3 },
    { stream: 'TOKENS', sequence: 9 },
  ])
  assert.deepEqual(sampleSchema({ type: 'array', items: reference }, 'nothing'), [])
  assert.equal(
    (sampleSchema({ type: 'array', items: reference, minItems: 4 }, prompt) as unknown[]).length,
    4,
  )
})

test('only references that the schema allows are cited, and of the text those in what it is about', () => {
  const reference = {
    type: 'object',
    properties: { stream: { enum: ['TOKENS', 'AUTH'] }, sequence: { type: 'integer', enum: [9, 12] } },
    required: ['stream', 'sequence'],
  }
  const prompt = 'Cite as in TOKENS:12.\n<data>\nTOKENS:1 and TOKENS:9\n</data>\nYou cited AUTH:12.'
  assert.deepEqual(sampleSchema({ type: 'array', items: reference }, prompt), [
    { stream: 'TOKENS', sequence: 9 },
  ])
})
