import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FluxgateEvent } from '@fluxgate/contracts'
import { incidentStatus } from './incident-status.ts'

test('incidentStatus counts the first acknowledgement and treats a closing as final', () => {
  const event = (name: string, data: object) =>
    ({ type: `fluxgate.incidents.${name}`, time: 't', data }) as unknown as FluxgateEvent
  const opened = event('opened', { user: 'u', key: 'k' })
  const seen = event('acknowledged', { actor: 'a' })
  const closed = event('closed', { actor: 'c' })
  assert.deepEqual(incidentStatus([]), { state: 'unknown' })
  assert.deepEqual(incidentStatus([opened, seen, event('acknowledged', { actor: 'b' })]), {
    state: 'open',
    identity: 'u.k',
    acknowledgedBy: 'a',
  })
  assert.deepEqual(incidentStatus([opened, closed, opened]), { state: 'closed', by: 'c', at: 't' })
  assert.deepEqual(incidentStatus([opened, event('joined', { into: 'inc_2' })]), {
    state: 'joined',
    into: 'inc_2',
  })
})
