import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type LastUse, LastUses } from './last-uses.pg.ts'

it('last uses of more keys than may be remembered are not stored, and those of known keys go on', async () => {
  const stored: LastUse[] = []
  let nowMs = 1
  const log = { warn: () => assert.fail('nothing fails here') }
  await using uses = new LastUses(
    async batch => void stored.push(...batch),
    () => nowMs,
    log,
  )
  for (let i = 0; i < 100_010; i++) uses.note(`key${i}`)
  nowMs = 2
  uses.note('key7')
  await uses.flush()
  assert.equal(stored.length, 100_000)
  assert.equal(stored.find(({ keyId }) => keyId === 'key7')?.usedAt, 2)
  assert.equal(
    stored.some(({ keyId }) => keyId === 'key100009'),
    false,
  )
})
