import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { KeyAnswer } from '../http/refusal-messages.ts'
import { credentialsOf, lookUpCredentials } from './credentials.ts'

const ACCEPTED: KeyAnswer = {
  kind: 'accepted',
  caller: { identity: { user: 'u', key: 'k' }, identityText: 'u.k', tier: 'free' },
}
const lookup = (text: string): KeyAnswer =>
  text === 'sk_live_good' ? ACCEPTED : { kind: 'rejected', reason: 'unknown' }
const answer = async (headers: Record<string, string>) => {
  const found = await lookUpCredentials(credentialsOf(headers), lookup)
  return found.kind === 'rejected' ? [found.reason, found.problem] : found.kind
}

it('credentials are accepted when one of two headers holds a good key, whatever the other is', async () => {
  for (const authorization of ['Basic eA==', 'Bearer', 'Bearer ', '', 'Bearer other', 'Bearer a.b.c']) {
    assert.equal(await answer({ authorization, 'x-api-key': 'sk_live_good' }), 'accepted', authorization)
  }
  assert.equal(await answer({ authorization: 'bearer sk_live_good', 'x-api-key': 'other' }), 'accepted')
})

it('credentials that are missing say why: no header, another scheme, or no key in it', async () => {
  assert.deepEqual(await answer({}), ['missing', 'none'])
  assert.deepEqual(await answer({ authorization: 'Basic eA==' }), ['missing', 'scheme'])
  assert.deepEqual(await answer({ authorization: 'Bearer ' }), ['missing', 'empty'])
  assert.deepEqual(await answer({ 'x-api-key': '' }), ['missing', 'empty'])
  assert.deepEqual(await answer({ authorization: 'Bearer x', 'x-api-key': 'y' }), ['unknown', undefined])
})
