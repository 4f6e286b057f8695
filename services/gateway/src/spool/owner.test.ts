import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Worker } from 'node:worker_threads'
import { claim, FOREIGN_OWNER_LIMIT_MS, giveUp, isOwned, keepClaim } from './owner.fs.ts'
import { takeDead } from './take-dead.fs.ts'
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

const THREADS = 3
const DIRECTORIES = 12

function rewrite(directory: string, change: object): void {
  const path = join(directory, 'owner')
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...change }))
}

function age(path: string, ms: number): void {
  const then = new Date(Date.now() - ms)
  utimesSync(path, then, then)
}

describe('the owner of a spool', () => {
  it('is alive while its process is, and gone when it gives up', () => {
    using slot = temporaryRoot()
    assert.equal(isOwned(slot.root, Date.now()), false)
    claim(slot.root)
    assert.equal(isOwned(slot.root, Date.now()), true)
    giveUp(slot.root)
    assert.equal(isOwned(slot.root, Date.now()), false)
  })

  it('is dead when its process is, or when another has its id now', () => {
    using slot = temporaryRoot()
    claim(slot.root)
    rewrite(slot.root, { pid: spawnSync('true').pid })
    assert.equal(isOwned(slot.root, Date.now()), false)
    rewrite(slot.root, { pid: process.pid, started: '1' })
    assert.equal(isOwned(slot.root, Date.now()), false, 'a container comes back with the same process id')
  })

  for (const [where, change] of Object.entries({
    'of another PID namespace with the same host name': { pidSpace: 'this boot/pid:[1]' },
    'written by a version that named no namespace': { pidSpace: undefined },
  })) {
    it(`${where} counts as alive while it renews its claim, whatever runs under its id here`, () => {
      using slot = temporaryRoot()
      claim(slot.root)
      for (const pid of [process.pid, spawnSync('true').pid]) {
        rewrite(slot.root, { ...change, pid, started: '1' })
        assert.equal(isOwned(slot.root, Date.now()), true, `pid ${pid}`)
        age(join(slot.root, 'owner'), FOREIGN_OWNER_LIMIT_MS + 1_000)
        assert.equal(isOwned(slot.root, Date.now()), false)
        keepClaim(slot.root)
        assert.equal(isOwned(slot.root, Date.now()), true)
      }
    })
  }

  it('is judged by the clock of the file system when the clock of its host is wrong', t => {
    using slot = temporaryRoot()
    claim(slot.root)
    const realMs = Date.now()
    t.mock.method(Date, 'now', () => realMs - 3_600_000)
    const nowMs = keepClaim(slot.root)
    assert.ok(Math.abs(nowMs - realMs) < FOREIGN_OWNER_LIMIT_MS, `${nowMs} at ${realMs}`)
  })

  it('keeps its spool to itself while it lives, in the same process too', () => {
    using slot = temporaryRoot()
    const one = open(slot.root)
    fill(one.spool, 0, 10)
    const two = open(slot.root)
    assert.deepEqual(two.adopted, [])
    assert.deepEqual(two.others(), { alive: 1, dead: 0 })
    assert.deepEqual(take(one.spool).map(numberOf), range(0, 10))
  })
})

describe('directories of several processes', () => {
  it('are left alone while they are being made, when another process starts', () => {
    using slot = temporaryRoot()
    const own = open(slot.root).spool.path
    const young = join(slot.root, '.node-being-made')
    mkdirSync(join(young, 'from'), { recursive: true })
    assert.deepEqual(takeDead(slot.root, own), [])
    assert.ok(existsSync(young), 'a process has just made it and claims it next')
    age(young, FOREIGN_OWNER_LIMIT_MS + 1_000)
    takeDead(slot.root, own)
    assert.ok(!existsSync(young), 'a kill has left it')
  })

  it('are all there when several processes start at once on one folder', async () => {
    using slot = temporaryRoot()
    const module = JSON.stringify(join(import.meta.dirname, 'test-spool.ts'))
    const code = `
      const { workerData, parentPort } = require('node:worker_threads')
      import(${module}).then(({ open, fill }) => {
        parentPort.postMessage('ready')
        parentPort.once('message', () => {
          const spools = Array.from({ length: ${DIRECTORIES} }, (_, i) => {
            const number = workerData.n * ${DIRECTORIES} + i
            const { spool } = open(workerData.root, { node: 'node' + workerData.n, boot: 'A' + i })
            fill(spool, number, number + 1)
            return spool
          })
          parentPort.postMessage(spools.map(({ fault }) => fault ?? 'ok').join())
        })
      })`
    const workers = range(0, THREADS).map(
      n => new Worker(code, { eval: true, workerData: { root: slot.root, n } }),
    )
    await Promise.all(workers.map(worker => once(worker, 'message')))
    const ended = Promise.all(workers.map(async worker => (await once(worker, 'message'))[0]))
    for (const worker of workers) worker.postMessage('go')
    const outcomes = await ended
    assert.deepEqual(
      outcomes,
      workers.map(() => Array(DIRECTORIES).fill('ok').join()),
    )
    await Promise.all(workers.map(worker => worker.terminate()))
    const total = THREADS * DIRECTORIES
    assert.equal(readdirSync(slot.root).length, total + 1)
    die(slot.root)
    const { spool, adopted } = open(slot.root)
    assert.equal(adopted.length, total)
    assert.deepEqual(
      take(spool)
        .map(numberOf)
        .sort((a, b) => a - b),
      range(0, total),
    )
  })
})

describe('a process whose spool was taken while it was stopped', () => {
  it('opens another directory when it looks at its claim, and goes on', () => {
    using slot = temporaryRoot()
    let taken = 0
    const settings = { limits: { claimEveryMs: 0 }, onTaken: () => taken++ }
    const { spool } = open(slot.root, settings)
    fill(spool, 0, 10)
    const [sent] = take(spool, 1)
    age(join(spool.path, 'owner'), FOREIGN_OWNER_LIMIT_MS + 1_000)
    rewrite(spool.path, { pidSpace: 'elsewhere' })
    age(join(spool.path, 'owner'), FOREIGN_OWNER_LIMIT_MS + 1_000)
    const thief = open(slot.root)
    assert.equal(thief.adopted.length, 1)

    spool.tick([sent!])
    assert.equal(taken, 1)
    assert.equal(spool.full, false)
    assert.equal(spool.waiting, 0, 'what was in the directory is published by the other process')
    spool.acknowledged(sent!)
    fill(spool, 20, 30)
    assert.equal(spool.fault, undefined)
    const after = take(spool)
    assert.deepEqual(after.map(numberOf), range(20, 30))
    assert.deepEqual(take(thief.spool).map(numberOf), range(0, 10))
    for (const each of after) spool.acknowledged(each)
    spool.tick([])
    spool.close([])
    assert.deepEqual(readdirSync(slot.root).length, 2, 'the other process and the damaged')
  })

  it('writes nothing more to it when it wakes up', () => {
    using slot = temporaryRoot()
    const { spool } = open(slot.root, { limits: { claimEveryMs: -20_000 } })
    fill(spool, 0, 10)
    const moved = join(slot.root, 'elsewhere')
    renameSync(spool.path, moved)
    const before = segmentsUnder(moved).map(path => readFileSync(path).length)
    spool.add([pending(10)])
    assert.deepEqual(
      segmentsUnder(moved).map(path => readFileSync(path).length),
      before,
    )
    assert.deepEqual(take(spool).map(numberOf), [10])
  })
})
