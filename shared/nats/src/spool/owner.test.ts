import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { claim, FOREIGN_OWNER_LIMIT_MS, giveUp, isOwned } from './owner.ts'
import { fill, numberOf, open, range, take, temporaryRoot } from './test-spool.ts'

function rewrite(root: string, change: object): void {
  const path = join(root, 'owner')
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...change }))
}

describe('the owner of a spool', () => {
  it('is alive while its process is, and gone when it gives up', () => {
    using place = temporaryRoot()
    assert.equal(isOwned(place.root), false)
    claim(place.root)
    assert.equal(isOwned(place.root), true)
    giveUp(place.root)
    assert.equal(isOwned(place.root), false)
  })

  it('is dead when its process is, or when another has its id now', () => {
    using place = temporaryRoot()
    claim(place.root)
    rewrite(place.root, { pid: spawnSync('true').pid })
    assert.equal(isOwned(place.root), false)
    rewrite(place.root, { pid: process.pid, started: 'an earlier boot/1' })
    assert.equal(isOwned(place.root), false, 'a container comes back with the same process id')
  })

  it('of another host is believed for a while', () => {
    using place = temporaryRoot()
    claim(place.root)
    rewrite(place.root, { host: 'elsewhere', pid: process.pid, started: '' })
    assert.equal(isOwned(place.root), true)
    const then = new Date(Date.now() - FOREIGN_OWNER_LIMIT_MS - 1_000)
    utimesSync(join(place.root, 'owner'), then, then)
    assert.equal(isOwned(place.root), false)
  })

  it('keeps its spool to itself while it lives, in the same process too', () => {
    using place = temporaryRoot()
    const one = open(place.root)
    fill(one.spool, 0, 10)
    const two = open(place.root)
    assert.deepEqual(two.adopted, [])
    assert.deepEqual(take(one.spool).map(numberOf), range(0, 10))
  })
})
