import assert from 'node:assert/strict'
import fs, { cpSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { eventually } from '@fluxgate/testing'
import {
  die,
  fill,
  numberOf,
  open,
  pending,
  range,
  segmentsUnder,
  spoolEvent,
  take,
  temporaryRoot,
} from './test-spool.ts'

const nameOf = (fd: number) => readlinkSync(`/proc/self/fd/${fd}`)

/** Watches `fdatasyncSync`: what a file held at its last sync is what a power failure leaves of it. */
function watchSyncs(t: TestContext): Map<string, Buffer> {
  const onDisk = new Map<string, Buffer>()
  const sync = fs.fdatasyncSync
  t.mock.method(fs, 'fdatasyncSync', (fd: number) => {
    onDisk.set(nameOf(fd), readFileSync(nameOf(fd)))
    sync(fd)
  })
  syncBuiltinESMExports()
  t.after(() => {
    t.mock.restoreAll()
    syncBuiltinESMExports()
  })
  return onDisk
}

/** Makes the next `fdatasync` of a segment fail, as a disk does that could not write the pages; later ones succeed. */
function failNextSync(t: TestContext): { failed: string | undefined } {
  const state: { failed: string | undefined } = { failed: undefined }
  const sync = fs.fdatasync
  t.mock.method(fs, 'fdatasync', (fd: number, done: (error: Error | null) => void) => {
    if (state.failed !== undefined) return sync(fd, done)
    state.failed = nameOf(fd)
    setImmediate(done, Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' }))
  })
  syncBuiltinESMExports()
  t.after(() => {
    t.mock.restoreAll()
    syncBuiltinESMExports()
  })
  return state
}

describe('a power failure', () => {
  it('calls no sent event unsent, where commits are synced', t => {
    using slot = temporaryRoot()
    const onDisk = watchSyncs(t)
    const { spool } = open(slot.root, { fsync: 'commit' })
    fill(spool, 0, 300)
    assert.equal(take(spool, 100).length, 100)
    const mark = join(spool.path, 'watermark')
    die(slot.root)
    writeFileSync(mark, onDisk.get(mark) ?? '')
    const [dead] = open(slot.root).adopted
    const ids = new Set(dead!.uncertain.map(({ id }) => id))
    for (const number of range(0, 100)) assert.ok(ids.has(spoolEvent(number).id), `${number} was sent`)
  })
})

describe('a sync that fails', () => {
  it('makes its turns wait for a sync of another segment that holds their events too', async t => {
    using slot = temporaryRoot()
    const sync = failNextSync(t)
    const { spool } = open(slot.root, { fsync: 'commit', limits: { commitWaitMs: 60_000 } })
    const safe: number[] = []
    // The second turn is written while the first is being synced.
    for (const number of [0, 1]) {
      spool.add([pending(number)])
      spool.commit([() => safe.push(number)])
    }
    await eventually(() => assert.match(spool.fault ?? '', /EIO/))
    assert.deepEqual(safe, [])
    await eventually(() => {
      spool.tick([])
      assert.deepEqual(safe, [0, 1])
    })
    assert.equal(spool.figures.uncertain, 0)
    const [first, second] = segmentsUnder(slot.root)
    assert.equal(first, sync.failed)
    for (const number of [0, 1]) assert.ok(readFileSync(second!).includes(spoolEvent(number).id))
    const sent = take(spool)
    assert.deepEqual(sent.map(numberOf), [0, 1], 'sent once')
    for (const each of sent) spool.acknowledged(each)
    spool.tick([])
    spool.close([])
  })

  it('loses and doubles nothing, whatever the disk has stored of the segment', async t => {
    using slot = temporaryRoot()
    const sync = failNextSync(t)
    const source = join(slot.root, 'source')
    const { spool } = open(source, { fsync: 'commit' })
    for (const number of range(0, 4)) spool.add([pending(number)])
    await eventually(() => {
      spool.tick([])
      assert.equal(segmentsUnder(source).length, 2)
    })
    fill(spool, 4, 6)
    die(source)
    const whole = readFileSync(sync.failed!)
    const bytes = whole.length / 4
    for (const retained of range(0, 16)) {
      const root = join(slot.root, `kept-${retained}`)
      cpSync(source, root, { recursive: true })
      const content = Buffer.from(whole)
      for (const n of range(0, 4)) if (!(retained & (1 << n))) content.fill(0, n * bytes, (n + 1) * bytes)
      writeFileSync(segmentsUnder(root)[0]!, content)
      const next = open(root)
      assert.deepEqual(
        take(next.spool)
          .map(numberOf)
          .sort((a, b) => a - b),
        range(0, 6),
        `of four events ${retained.toString(2)} were kept`,
      )
      next.spool.close([])
    }
  })
})
