import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StoredEvent } from '@fluxgate/contracts'
import { statusOf } from './incident-standing.ts'

test('an incident stands as its facts tell: the first acknowledgement counts, and a closing is final', () => {
  const fact = (name: string, data: object) =>
    ({ event: { type: `fluxgate.incidents.${name}`, time: 't', data } }) as unknown as StoredEvent
  const opened = fact('opened', { user: 'u', key: 'k' })
  const seen = fact('acknowledged', { actor: 'a' })
  const closed = fact('closed', { actor: 'c' })
  assert.deepEqual(statusOf([]), { state: 'unknown' })
  assert.deepEqual(statusOf([opened, seen, fact('acknowledged', { actor: 'b' })]), {
    state: 'open',
    identity: 'u.k',
    acknowledgedBy: 'a',
  })
  assert.deepEqual(statusOf([opened, closed, opened]), { state: 'closed', by: 'c', at: 't' })
  assert.deepEqual(statusOf([opened, fact('joined', { into: 'inc_2' })]), {
    state: 'joined',
    into: 'inc_2',
  })
})
