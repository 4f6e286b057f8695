import assert from 'node:assert/strict'
import { test } from 'node:test'
import { redacted, redactedData } from './run-tool.ts'

const REMOVED = '[removed: a secret]'

test('secrets are removed, wherever they are in a text', () => {
  for (const secret of [
    'sk_live_0123456789abcdefABCDEF',
    'sk-proj-0123456789abcdef_ABC',
    'sk-ant-api03-0123456789',
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1MSJ9.c2lnbmF0dXJlLW9m-',
    '$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2g',
  ]) {
    assert.equal(redacted(`model "${secret}" is unknown`), `model "${REMOVED}" is unknown`)
    assert.deepEqual(redactedData({ rows: [{ model: secret, n: 1 }] }), { rows: [{ model: REMOVED, n: 1 }] })
  }
})

test('what names things stays', () => {
  const names =
    'req_01M845A34FRTWMZH0RPJBVCM2F inc_01M845A34FRTWMZH u1.k1 risk-assessment-of-the-year sk_live_… $12.50'
  assert.equal(redacted(names), names)
})
