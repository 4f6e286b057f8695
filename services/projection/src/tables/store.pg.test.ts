import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { DAY_MS, type LogEvent, type OutgoingEvent, STREAMS } from '@fluxgate/contracts'
import {
  type Database,
  getRequest,
  migrateToLatest,
  openDatabase,
  requestTotals,
  runScript,
} from '@fluxgate/read-model'
import {
  createDatabase,
  type PostgresServer,
  startPostgres,
  testPostgres,
  testRandom,
} from '@fluxgate/testing'
import { dumpTables, naiveFold, readTables } from '../../test/naive.ts'
import { randomSlices, sliceOf, streamsOf } from '../../test/slices.ts'
import { requestId, workload } from '../../test/workload.ts'
import { DataError, PositionLost } from './outcome.ts'
import { openRequestDays } from './request-days.pg.ts'
import { openStore, type Store } from './store.pg.ts'

const streams = Object.values(STREAMS)
const random = testRandom()

for (const kind of [undefined, 'pglite'] as const) {
  describe(`the store on ${kind ?? 'the best Postgres there is'}`, () => {
    const log = workload({ requests: kind === 'pglite' ? 500 : 1_500, users: 20 })
    let server: PostgresServer
    let db: Database
    before(async () => {
      server = await (kind ? startPostgres({ kind }) : testPostgres())
    })
    after(() => server[Symbol.asyncDispose]())

    async function freshStore(): Promise<Store> {
      db = openDatabase(await createDatabase(server), { max: 4, asynchronousCommit: true })
      await migrateToLatest(db)
      const store = openStore(db, { projection: 'p', version: 1 }, streams, 'public', daysOf(db))
      await store.positions()
      return store
    }

    test('any cut of the log and any mixture of its streams gives the same tables, equal to a naive fold', async () => {
      const dumps: unknown[] = []
      for (const size of [40, 700]) {
        const store = await freshStore()
        for (const slice of randomSlices(streamsOf(log), size, random)) await store.apply([slice])
        assert.deepEqual(await readTables(db), naiveFold(log))
        dumps.push(await dumpTables(db))
        await db.destroy()
      }
      assert.deepEqual(dumps[0], dumps[1])
      const store = await freshStore()
      await store.apply([...streamsOf(log)].map(([stream, entries]) => sliceOf(stream, entries)))
      assert.deepEqual(await dumpTables(db), dumps[0])
      assert.equal((await requestTotals(db)).inFlight, 0)
      await db.destroy()
    })

    test('the events of a request may come in any order, each in a transaction of its own', async () => {
      await freshStore()
      const wanted = log.find(({ event }) => event.type === 'fluxgate.tokens.progressed')!.event.data
      const events = log.filter(({ event }) => requestIn(event.data) === requestIn(wanted)).slice(-4)
      const rows: unknown[] = []
      for (const [i, order] of permutations(events).entries()) {
        const store = openStore(db, { projection: `p${i}`, version: 1 }, streams, 'public', daysOf(db))
        await store.positions()
        const id = `permutation_${i}`
        for (const [stream, entries] of inOrder(order.map(event => renamed(event, id)))) {
          await store.apply([sliceOf(stream, entries)])
        }
        const row = await getRequest(db, id)
        rows.push({ ...row, id: '', decidedSequence: 0, endedSequence: 0, settledSequence: 0 })
      }
      assert.equal(rows.length, 24)
      for (const row of rows) assert.deepEqual(row, rows[0])
      await db.destroy()
    })

    test('events that the log repeats later count once', async () => {
      const store = await freshStore()
      const repeated = [...log, ...log.filter((_, i) => i % 3 === 0)]
      for (const slice of randomSlices(streamsOf(repeated), 300, random)) await store.apply([slice])
      assert.deepEqual(await readTables(db), naiveFold(log))
      assert.ok((await requestTotals(db)).repeated > 50)
      await db.destroy()
    })

    test('two projections at once, and slices read again, count once', async () => {
      const store = await freshStore()
      const second = openStore(db, { projection: 'p', version: 1 }, streams, 'public', daysOf(db))
      const slices = randomSlices(streamsOf(log), 200, random)
      const run = async (projection: Store) => {
        let skipped = 0
        for (const slice of slices) skipped += (await projection.apply([slice])).skipped
        return skipped
      }
      const skipped = await Promise.all([run(store), run(second)])
      assert.equal(skipped[0]! + skipped[1]!, log.length)
      assert.deepEqual(await readTables(db), naiveFold(log))
      await db.destroy()
    })

    test('requests are in the partition of their day, and a lookup by id reads that one alone', async () => {
      const store = await freshStore()
      const midnight = Date.UTC(2026, 10, 24)
      const events = workload({ requests: 200, requestsPerSecond: 10, startMs: midnight - 10_000 })
      for (const [stream, entries] of streamsOf(events)) await store.apply([sliceOf(stream, entries)])
      const days = await runScript(
        db,
        'select tableoid::regclass::text as place, count(*) as n from requests group by 1 order by 1',
      )
      assert.deepEqual(days, [
        { place: 'requests_20261123', n: 100 },
        { place: 'requests_20261124', n: 100 },
      ])
      const id = requestIn(events[0]!.event.data)!
      const plan = await runScript(db, `explain select * from requests where request_id = '${id}'`)
      const text = JSON.stringify(plan)
      assert.match(text, /requests_20261123/)
      assert.doesNotMatch(text, /requests_20261124|requests_default/)
      // Ids of no day, and of days that are not kept, are stored too.
      const odd = ['request_of_no_day', requestId(Date.UTC(2020, 0), 1), requestId(Date.UTC(2060, 0), 1)]
      const streams = odd.map((request, i) => {
        const entry = streamsOf(events).get('REQUESTS')!.at(i)!
        const data = { ...entry.event.data, request }
        return { ...entry, sequence: 100_000 + i, event: { ...entry.event, data } as typeof entry.event }
      })
      const { sequence: after } = (await store.positions()).get('REQUESTS')!
      await store.apply([{ ...sliceOf('REQUESTS', streams), after }])
      for (const request of odd) assert.equal((await getRequest(db, request))?.id, request)
      const [inDefault] = await runScript(db, 'select count(*) as n from requests_default')
      assert.deepEqual(inDefault, { n: 3 })
      await db.destroy()
    })

    test('text of any kind comes back as it was stored', async () => {
      const store = await freshStore()
      const entries = streamsOf(log).get('REQUESTS')!
      const reported = [
        '',
        '"',
        '\\',
        '\\"',
        ',()',
        ' {a, b} ',
        'NULL',
        'tab\tline\n',
        'ü 漢 🙂',
        '\u0000',
        '"(,)"',
        "'",
        '$1',
      ]
      const hostile = entries
        .filter(({ event }) => event.type === 'fluxgate.requests.admitted')
        .slice(0, reported.length)
        .map((entry, i) => {
          const data = {
            ...entry.event.data,
            agent: reported[i],
            model: `m${reported[i]}`,
            path: reported[i],
          }
          return { ...entry, sequence: i + 1, event: { ...entry.event, data } as typeof entry.event }
        })
      await store.apply([sliceOf('REQUESTS', hostile)])
      for (const [i, { event }] of hostile.entries()) {
        const row = await getRequest(db, requestIn(event.data)!)
        const text = reported[i]!.replace('\u0000', '\ufffd')
        assert.deepEqual([row?.agent, row?.model, row?.path], [text, `m${text}`, text])
        assert.equal(row?.at, Date.parse(event.time))
      }
      const models = (await runScript(db, 'select model from usage_days order by 1')) as Array<{
        model: string
      }>
      assert.equal(models.length, reported.length)
      await db.destroy()
    })

    test('a lost connection and an event that Postgres can never store are different errors', async () => {
      const store = await freshStore()
      const entries = streamsOf(log).get('REQUESTS')!
      await assert.rejects(store.apply([sliceOf('REQUESTS', entries.slice(5, 9))]), PositionLost)
      const poisoned = (data: object): LogEvent[] =>
        entries.slice(0, 3).map((entry, i) => {
          const event = { ...entry.event, data: { ...entry.event.data, ...(i === 1 ? data : {}) } }
          return { ...entry, event: event as typeof entry.event }
        })
      // Beyond Postgres' integer, and beyond what the fold can read.
      for (const data of [{ reserved: 2 ** 70 }, { model: 7 }]) {
        await assert.rejects(store.apply([sliceOf('REQUESTS', poisoned(data))]), DataError)
      }
      assert.equal((await store.positions()).get('REQUESTS')?.sequence, 0)
      assert.equal((await requestTotals(db)).admitted, 0)
      const newer = openStore(db, { projection: 'p', version: 2 }, streams, 'public', daysOf(db))
      await assert.rejects(newer.positions(), /folded by version 1, not 2: rebuild them/)
      await db.destroy()
    })
  })
}

function daysOf(db: Database) {
  return openRequestDays(db, 'public', 30 * DAY_MS, () => Date.UTC(2026, 10, 24))
}

function requestIn(data: object): string | undefined {
  return (data as { request?: string }).request
}

function renamed(outgoing: OutgoingEvent, request: string): OutgoingEvent {
  const { event } = outgoing
  return { ...outgoing, event: { ...event, data: { ...event.data, request } } as typeof event }
}

/** One entry at a time, each with its stream's next sequence. */
function inOrder(log: readonly OutgoingEvent[]): Array<[string, LogEvent[]]> {
  const streams = streamsOf(log)
  return log.map(({ event }) => {
    const [stream, entries] = [...streams].find(([, list]) => list.some(entry => entry.event === event))!
    return [stream, entries.filter(entry => entry.event === event)]
  })
}

function permutations<T>(list: readonly T[]): T[][] {
  if (list.length < 2) return [[...list]]
  return list.flatMap((item, i) => permutations(list.toSpliced(i, 1)).map(rest => [item, ...rest]))
}
