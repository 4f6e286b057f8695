import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { namedAccept } from './accept.ts'

const BOTH = 'application/json, text/event-stream'

describe('an Accept header', () => {
  test('names both media types when it accepts them by name, by a wildcard or by its absence', () => {
    const headers = [
      undefined,
      '*/*',
      BOTH,
      'text/event-stream;q=0.5, application/json;q=0.9',
      'application/*, text/event-stream',
      'application/*,text/*',
      'Application/JSON, TEXT/*;q=0.1',
      'text/html, */*;q=0.1',
    ]
    for (const header of headers) assert.equal(namedAccept('POST', header), BOTH, header)
    assert.equal(namedAccept('GET', 'text/*'), 'text/event-stream')
  })

  test('stays as it is when it does not accept one of them', () => {
    const headers = ['', 'text/html', 'application/*', '*/*;q=0', 'text/event-stream;q=0.0, */*', 'a/json']
    for (const header of headers) assert.equal(namedAccept('POST', header), header)
    assert.equal(namedAccept('GET', 'application/json'), 'application/json')
  })
})
