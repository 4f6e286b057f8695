import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { it } from 'node:test'
import { eventually, makeReadOnly, mountSmallDisk } from '@fluxgate/testing'
import {
  die,
  fill,
  numberOf,
  open,
  pending,
  range,
  segmentsUnder,
  take,
  temporaryRoot,
} from './test-spool.ts'

const DISK_BYTES = 2 * 1024 ** 2

it('a full disk refuses new work, finishes work in flight, and recovers when there is room again', async t => {
  using slot = temporaryRoot()
  using disk = mountSmallDisk(slot.root, DISK_BYTES)
  if (!disk) return t.skip('file systems cannot be mounted here')
  const { spool } = open(slot.root, { limits: { commitWaitMs: 60_000 } })
  fill(spool, 0, 100)
  const ballast = join(slot.root, 'damaged', 'ballast')
  assert.throws(() => {
    for (;;) writeFileSync(ballast, Buffer.alloc(4_096), { flag: 'a' })
  }, /ENOSPC/)
  let answered = 0
  for (const number of [100, 101]) {
    spool.add([pending(number, 8_000)])
    spool.commit([() => answered++])
  }
  assert.match(spool.fault ?? '', /ENOSPC/)
  assert.ok(spool.full)
  assert.equal(answered, 0)
  spool.tick([])
  assert.ok(spool.full, 'the disk is looked at again only after a while')

  rmSync(ballast)
  await eventually(() => {
    spool.tick([])
    assert.equal(spool.full, false)
  })
  assert.equal(answered, 2, 'what was in memory is on the disk now')
  assert.equal(spool.figures.uncertain, 0)
  fill(spool, 102, 110)
  die(slot.root)
  assert.deepEqual(take(open(slot.root).spool).map(numberOf), range(0, 110))
  assert.deepEqual(take(spool).map(numberOf), range(0, 110))
})

it('what cannot be deleted while the directory is read-only counts, and goes when it can', async () => {
  using slot = temporaryRoot()
  const { spool } = open(slot.root, { limits: { maxBytes: 16 * 64 * 1024 } })
  fill(spool, 0, 800, 50, 512)
  const segments = segmentsUnder(slot.root)
  assert.ok(segments.length > 3)
  for (const each of take(spool)) spool.acknowledged(each)
  const { bytes } = spool.figures
  {
    using _readOnly = makeReadOnly(dirname(segments[0]!))
    spool.tick([])
    await eventually(() => assert.equal(spool.figures.bytes, bytes))
  }
  await eventually(() => {
    spool.tick([])
    assert.equal(segmentsUnder(slot.root).length, 1)
  })
  assert.ok(spool.figures.bytes < bytes / 3)
})
