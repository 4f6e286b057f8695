import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { EVENTS } from '@fluxgate/contracts'
import { eventCatalogue } from './event-catalogue.ts'

test('events.md is what the contracts say', () => {
  const text = readFileSync(join(import.meta.dirname, '../reference/events.md'), 'utf8')
  assert.equal(text, eventCatalogue(), 'run `npm run docs:references`')
})

test('every fact of the catalogue says what it means', () => {
  const text = eventCatalogue()
  for (const { name, version } of EVENTS) {
    const section = text.split(`### ${name} (version ${version})\n\n`)[1] ?? ''
    assert.doesNotMatch(section, /^(`fluxgate|$)/, `${name} has no docstring`)
  }
})
