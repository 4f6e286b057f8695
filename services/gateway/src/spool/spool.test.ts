import assert from 'node:assert/strict'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { eventually } from '@fluxgate/testing'
import { recordBytes } from './record.ts'
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

const KIB = 1024

describe('a spool', () => {
  it('gives what was not acknowledged to the next process, in order', () => {
    using slot = temporaryRoot()
    const first = open(slot.root).spool
    fill(first, 0, 1_000)
    const sent = take(first, 300)
    for (const each of sent.slice(0, 200)) first.acknowledged(each)
    first.tick(sent.slice(200))
    die(slot.root)

    const { spool, adopted } = open(slot.root)
    assert.equal(spool.waiting, 800)
    assert.deepEqual(adopted[0]!.uncertain.length, 800, 'all that may have been sent')
    fill(spool, 1_000, 1_100)
    assert.deepEqual(take(spool).map(numberOf), range(200, 1_100))
    assert.equal(spool.waiting, 0)
  })

  it('knows what was never sent, however much waits', () => {
    using slot = temporaryRoot()
    const first = open(slot.root, { limits: { maxQueued: 100 } }).spool
    fill(first, 0, 70_000, 5_000)
    assert.equal(take(first, 10).length, 10)
    die(slot.root)
    const [dead] = open(slot.root).adopted
    assert.equal(dead!.uncertain.length, 65_536, 'the mark is written ahead in steps of so many')
    assert.equal(dead!.uncertain[0]!.id, spoolEvent(0).id)
  })

  it('skips what a stream has already', () => {
    using slot = temporaryRoot()
    fill(open(slot.root).spool, 0, 10)
    die(slot.root)
    const { spool } = open(slot.root)
    spool.skip(new Map([3, 4].map(number => [spoolEvent(number).id, true])))
    assert.deepEqual(take(spool).map(numberOf), [0, 1, 2, 5, 6, 7, 8, 9])
    assert.equal(spool.figures.alreadyStored, 2)
  })

  it('takes over what a process had itself taken over when it died', () => {
    using slot = temporaryRoot()
    for (const life of range(0, 3)) {
      const { spool } = open(slot.root)
      fill(spool, life * 10, life * 10 + 10)
      die(slot.root)
    }
    const { spool, adopted } = open(slot.root)
    assert.equal(adopted.length, 3)
    const sent = take(spool)
    assert.deepEqual(sent.map(numberOf), range(0, 30), 'the oldest life first')
    for (const each of sent) spool.acknowledged(each)
    spool.releaseAdopted()
    spool.tick([])
    spool.close([])
    assert.deepEqual(readdirSync(slot.root), ['damaged'])
  })

  it('reads back in order what is too much for its queue, while more comes', () => {
    using slot = temporaryRoot()
    const { spool } = open(slot.root, { limits: { maxQueued: 100 } })
    const seen: number[] = []
    for (let from = 0; from < 5_000; from += 250) {
      fill(spool, from, from + 250, 70)
      seen.push(...take(spool, 120).map(numberOf))
    }
    seen.push(...take(spool).map(numberOf))
    fill(spool, 5_000, 5_050)
    seen.push(...take(spool).map(numberOf))
    assert.deepEqual(seen, range(0, 5_050))
  })

  it('calls an event stored though only the disk held it meanwhile', () => {
    using slot = temporaryRoot()
    const { spool } = open(slot.root, { limits: { maxQueued: 1 } })
    let reported = false
    fill(spool, 0, 10)
    spool.add([
      {
        ...pending(10),
        stored: () => {
          reported = true
        },
      },
    ])
    const last = take(spool).at(-1)!
    last.stored?.({ stream: 'TOKENS', sequence: 1, duplicate: false })
    assert.ok(reported)
  })
})

describe('the segments of a spool', () => {
  const limits = { maxBytes: 16 * 64 * KIB }

  it('go when all of their events are stored; running work is repeated in the next one', () => {
    using slot = temporaryRoot()
    const running = [spoolEvent(900_001), spoolEvent(900_002)]
    const { spool } = open(slot.root, { limits, carry: () => running })
    for (let from = 0; from < 10_000; from += 500) {
      fill(spool, from, from + 500, 50, 500)
      for (const each of take(spool)) spool.acknowledged(each)
      spool.tick([])
      assert.ok(spool.figures.bytes < 3 * 64 * KIB + 500 * 600, `${spool.figures.bytes} bytes`)
    }
    die(slot.root)
    const records: Array<[string, number]> = []
    const next = open(slot.root, { onRecord: record => records.push([record.kind, numberOf(record)]) })
    assert.equal(next.spool.waiting, 0)
    assert.deepEqual(records.slice(0, 2), [
      ['context', 900_001],
      ['context', 900_002],
    ])
    assert.deepEqual(take(next.spool), [], 'context is not published again')
  })

  it('stay within their bytes: new work is refused, work in flight goes to memory, and it heals by itself', async () => {
    using slot = temporaryRoot()
    const { spool } = open(slot.root, { limits: { ...limits, commitWaitMs: 50 } })
    fill(spool, 0, 1_700, 50, 512)
    assert.ok(spool.full)
    assert.equal(spool.fault, 'the spool is full but for its reserve')
    fill(spool, 1_700, 2_500, 50, 512)
    assert.equal(spool.fault, 'the spool is full')
    assert.ok(spool.figures.bytes <= limits.maxBytes)
    let answered = false
    spool.add([pending(2_500, 512)])
    spool.commit([
      () => {
        answered = true
      },
    ])
    assert.equal(answered, false, 'the answer waits')
    await eventually(() => {
      spool.tick([])
      assert.ok(answered)
    })
    assert.equal(spool.figures.uncertain, 1)

    const sent = take(spool)
    assert.deepEqual(sent.map(numberOf), range(0, 2_501), 'the order is kept')
    for (const each of sent) spool.acknowledged(each)
    await eventually(() => {
      spool.tick([])
      assert.equal(spool.full, false)
    })
    assert.equal(spool.fault, undefined)
    fill(spool, 3_000, 3_010)
    assert.deepEqual(take(spool).map(numberOf), range(3_000, 3_010))
  })

  it('answer at once when a stream has acknowledged what the disk did not take', () => {
    using slot = temporaryRoot()
    const { spool } = open(slot.root, { limits })
    fill(spool, 0, 3_000, 50, 512)
    for (const each of take(spool)) spool.acknowledged(each)
    const order: string[] = []
    spool.add([pending(3_001), pending(3_002)])
    spool.commit([() => order.push('first')])
    spool.commit([() => order.push('second')])
    const [one, two] = take(spool)
    spool.acknowledged(one!)
    assert.deepEqual(order, [])
    spool.acknowledged(two!)
    assert.deepEqual(order, ['first', 'second'])
  })

  it('are written to the disk before a commit, where that is asked for', async () => {
    using slot = temporaryRoot()
    const { spool } = open(slot.root, { fsync: 'commit', limits })
    const order: number[] = []
    for (const number of range(0, 1_200)) {
      spool.add([pending(number, 512)])
      spool.commit([() => order.push(number)])
    }
    assert.deepEqual(order, [], 'nothing is safe yet')
    await eventually(() => assert.deepEqual(order, range(0, 1_200)))
    spool.close(take(spool))
  })
})

describe('what a crash leaves', () => {
  /** A dead spool with one segment of these events, which `change` may spoil. */
  function spoilt(root: string, name: string, source: string, change: (segment: string) => void): string {
    const slot = join(root, name)
    mkdirSync(slot)
    cpSync(source, slot, { recursive: true })
    change(segmentsUnder(slot)[0]!)
    return slot
  }

  it('is cut at the first record that is not whole, at whatever byte it was torn', () => {
    using slot = temporaryRoot()
    const source = join(slot.root, 'source')
    fill(open(source).spool, 0, 4, 2)
    die(source)
    const bytes = recordBytes(spoolEvent(0))
    for (let length = 0; length <= 4 * bytes; length++) {
      const torn = spoilt(slot.root, `torn-${length}`, source, segment => truncateSync(segment, length))
      const { spool, adopted } = open(torn)
      assert.deepEqual(take(spool).map(numberOf), range(0, Math.floor(length / bytes)), `torn at ${length}`)
      assert.equal(adopted[0]!.tornBytes, length % bytes)
      spool.close([])
    }
  })

  it('is published as far as it can be read; a damaged segment is set aside and counted', () => {
    using slot = temporaryRoot()
    const source = join(slot.root, 'source')
    fill(open(source).spool, 0, 5)
    die(source)
    const bytes = recordBytes(spoolEvent(0))
    for (const offset of [0, 5, 9, bytes - 1]) {
      const damaged = spoilt(slot.root, `damaged-${offset}`, source, segment => {
        const content = readFileSync(segment)
        content[2 * bytes + offset]! ^= 0xff
        writeFileSync(segment, content)
      })
      const { spool } = open(damaged)
      assert.equal(spool.figures.damagedBytes, bytes)
      const sent = take(spool)
      assert.deepEqual(sent.map(numberOf), [0, 1, 3, 4])
      for (const each of sent) spool.acknowledged(each)
      spool.releaseAdopted()
      spool.tick([])
      assert.equal(readdirSync(join(damaged, 'damaged')).length, 1)
      assert.deepEqual(segmentsUnder(damaged), [])
      spool.close([])
    }
  })

  it('is all looked up and published again when the marks are damaged', () => {
    using slot = temporaryRoot()
    const first = open(slot.root).spool
    fill(first, 0, 20)
    for (const each of take(first)) first.acknowledged(each)
    first.tick([])
    die(slot.root)
    const [mark] = readdirSync(slot.root, { recursive: true, encoding: 'utf8' }).filter(name =>
      name.endsWith('watermark'),
    )
    writeFileSync(join(slot.root, mark!), 'x'.repeat(20))
    const { spool, adopted } = open(slot.root)
    assert.equal(spool.waiting, 20)
    assert.equal(adopted[0]!.uncertain.length, 20)
  })

  it('is retained until its open requests are settled in the log', () => {
    using slot = temporaryRoot()
    const first = open(slot.root).spool
    fill(first, 0, 20)
    for (const each of take(first)) first.acknowledged(each)
    first.tick([])
    die(slot.root)
    const { spool, adopted } = open(slot.root)
    spool.tick([])
    assert.equal(segmentsUnder(slot.root).length, 1)
    spool.releaseAdopted()
    assert.deepEqual(take(spool), [])
    spool.tick([])
    assert.equal(existsSync(adopted[0]!.home.path), false)
  })
})
