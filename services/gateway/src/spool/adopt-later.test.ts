import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { giveUp } from './owner.fs.ts'
import { die, fill, numberOf, open, range, take, temporaryRoot } from './test-spool.ts'

/** A spool with the directory of another process beside it that died with these events. */
async function besideDead(root: string, from: number, to: number, settings = {}) {
  const opened = open(join(root, 'one'), settings)
  const { spool } = open(join(root, 'one'))
  fill(spool, from, to)
  return { ...opened, dead: spool.path }
}

describe('a spool beside one whose process has died', () => {
  it('publishes what was left there after its own and before what comes, when it looks', async () => {
    using slot = temporaryRoot()
    const { spool, takeDead, others, dead } = await besideDead(slot.root, 100, 110)
    fill(spool, 0, 10)
    assert.deepEqual(others(), { alive: 1, dead: 0 })
    assert.deepEqual(await takeDead(() => {}), [])
    giveUp(dead)
    assert.deepEqual(others(), { alive: 0, dead: 1 })
    const records: number[] = []
    const more = await takeDead(record => records.push(numberOf(record)))
    assert.deepEqual(records, range(100, 110))
    assert.equal(more[0]!.uncertain.length, 0, 'none was ever sent')
    assert.equal(spool.addAdopted(more), true)
    assert.equal(spool.waiting, 20)
    fill(spool, 10, 20)
    const sent = take(spool)
    assert.deepEqual(sent.map(numberOf), [...range(0, 10), ...range(100, 110), ...range(10, 20)])
    for (const each of sent) spool.acknowledged(each)
    assert.deepEqual(await takeDead(() => {}), [], 'it is not taken twice')
    spool.tick([])
    assert.ok(readdirSync(join(spool.path, 'from')).length === 1, 'it stays until its requests are settled')
    spool.releaseAdopted()
    spool.tick([])
    assert.deepEqual(readdirSync(join(spool.path, 'from')), [])
    spool.close([])
    assert.deepEqual(readdirSync(join(slot.root, 'one')), ['damaged'])
  })

  it('keeps the order while the disk alone holds its own events', async () => {
    using slot = temporaryRoot()
    const { spool, takeDead, dead } = await besideDead(slot.root, 10_000, 10_500, {
      limits: { maxQueued: 50 },
    })
    fill(spool, 0, 1_000)
    giveUp(dead)
    assert.equal(spool.addAdopted(await takeDead(() => {})), true)
    fill(spool, 1_000, 1_500)
    const expected = [...range(0, 1_000), ...range(10_000, 10_500), ...range(1_000, 1_500)]
    assert.deepEqual(take(spool).map(numberOf), expected)
    assert.equal(spool.waiting, 0)
  })

  it('leaves it whole to the next process when it dies itself meanwhile', async () => {
    using slot = temporaryRoot()
    const { spool, takeDead, dead } = await besideDead(slot.root, 100, 110)
    const root = join(slot.root, 'one')
    giveUp(dead)
    spool.addAdopted(await takeDead(() => {}))
    fill(spool, 0, 10)
    die(root)
    const next = open(root)
    const numbers = take(next.spool).map(numberOf)
    assert.deepEqual(
      numbers.sort((a, b) => a - b),
      [...range(0, 10), ...range(100, 110)],
    )
  })
})
