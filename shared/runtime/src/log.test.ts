import assert from 'node:assert/strict'
import { it } from 'node:test'
import { createLog } from './log.ts'

it('keeps secrets out by the names of their fields, three levels deep, in errors too', () => {
  const lines: string[] = []
  const log = createLog('test', 'info', { write: line => lines.push(line) })
  const secrets = {
    authorization: 'hush',
    cookie: 'hush',
    password: 'hush',
    token: 'hush',
    'x-api-key': 'hush',
  }
  log.info({ ...secrets, retained: 1 }, 'one')
  log.info({ request: { ...secrets, retained: 2 } }, 'two')
  log.info({ request: { headers: { ...secrets, 'set-cookie': ['hush'], retained: 3 } } }, 'three')
  const error = Object.assign(new Error('broken'), { headers: secrets, secret: 'hush', apiKey: 'hush' })
  log.error({ err: error }, 'four')
  log.debug('not at this level')
  assert.equal(lines.length, 4)
  for (const line of lines) {
    assert.doesNotMatch(line, /hush/)
    assert.match(line, /\[redacted\]/)
    assert.equal((JSON.parse(line) as { service: string }).service, 'test')
  }
  assert.match(lines.join(''), /"retained":1.*"retained":2.*"retained":3.*"message":"broken"/s)
})
