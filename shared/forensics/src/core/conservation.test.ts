import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { DAY_MS, type StoredEvent } from '@fluxgate/contracts'
import { Conservation, DEFAULT_CONSERVATION_LIMITS } from './conservation.ts'
import type { Sums } from './sums.ts'
import { T0, TestLog } from './test-log.ts'

const ALL = { fromMs: T0, toMs: T0 + DAY_MS }

function check(entries: readonly StoredEvent[], range = ALL, endMs = range.toMs) {
  const fold = new Conservation(range)
  for (const entry of entries) fold.add(entry)
  return { ...fold.finish(endMs), endedOfBefore: fold.endedOfBefore }
}

const offences = (told: ReturnType<typeof check>) =>
  told.offenders.map(({ offence, request }) => [offence, request])

describe('conservation', () => {
  test('holds for every ending, a refusal, and one that is in flight', () => {
    const log = new TestLog()
    log.whole(0, 'req_00000001', 50)
    log.admitted(10, 'req_00000002')
    log.failed(20, 'req_00000002')
    log.settled(20, 'req_00000002', 7)
    log.admitted(30, 'req_00000003', { user: 'bob' })
    log.refused(40, 'req_00000004')
    const told = check(log.entries, ALL, T0 + 50)
    assert.deepEqual(told.offenders, [])
    const sums = (some: Partial<Sums>) => ({ ...told.whole, ...zero, ...some })
    assert.deepEqual(Object.fromEntries(told.identities), {
      'ada.k1': sums({
        admitted: 2,
        completed: 1,
        failed: 1,
        refused: 1,
        settled: 2,
        completionTokens: 57,
        totalTokens: 57,
      }),
      'bob.k1': sums({ admitted: 1, inFlight: 1 }),
    })
    assert.deepEqual([told.whole.admitted, told.whole.inFlight, told.whole.totalTokens], [3, 1, 57])
  })

  test('names what is in the log twice, never, or for another identity', () => {
    const log = new TestLog()
    log.whole(0, 'req_00000001')
    log.settled(200, 'req_00000001', 50)
    log.completed(210, 'req_00000001')
    log.admitted(300, 'req_00000002')
    log.admitted(310, 'req_00000002')
    log.completed(320, 'req_00000002')
    log.admitted(400, 'req_00000003')
    log.settled(410, 'req_00000003', 5)
    log.admitted(500, 'req_00000004')
    log.completed(510, 'req_00000004', { user: 'bob' })
    log.settled(510, 'req_00000004', 5)
    log.refused(600, 'req_00000005')
    log.admitted(610, 'req_00000005')
    log.completed(700_000, 'req_00000006')
    const told = check(log.entries)
    assert.deepEqual(offences(told), [
      ['settled_twice', 'req_00000001'],
      ['ended_twice', 'req_00000001'],
      ['admitted_twice', 'req_00000002'],
      ['identity_changed', 'req_00000004'],
      ['refused_and_admitted', 'req_00000005'],
      ['never_settled', 'req_00000002'],
      ['never_ended', 'req_00000003'],
      ['never_ended', 'req_00000005'],
      ['never_admitted', 'req_00000006'],
      ['unbalanced', undefined],
      ['unbalanced', undefined],
    ])
    assert.deepEqual(told.offenders[2]?.places, [
      { stream: 'REQUESTS', sequence: 4 },
      { stream: 'REQUESTS', sequence: 5 },
    ])
  })

  test('does not tear a request apart at the edges of a range', () => {
    const log = new TestLog()
    log.whole(9_950, 'req_00000001')
    log.whole(15_000, 'req_00000002')
    log.whole(19_950, 'req_00000003')
    const told = check(log.entries, { fromMs: T0 + 10_000, toMs: T0 + 20_000 }, T0 + 80_000)
    assert.deepEqual(told.offenders, [])
    const { admitted, completed, inFlight, settled } = told.whole
    assert.deepEqual([admitted, completed, inFlight, settled, told.endedOfBefore], [2, 1, 1, 1, 1])
  })

  test('takes silence for a loss, and a stream that goes on for one in flight', () => {
    const { silenceMs } = DEFAULT_CONSERVATION_LIMITS
    const log = new TestLog()
    log.admitted(0, 'req_00000001')
    log.admitted(0, 'req_00000002')
    log.progressed(silenceMs, 'req_00000002', 5)
    assert.deepEqual(offences(check(log.entries, ALL, T0 + silenceMs)), [])
    assert.deepEqual(offences(check(log.entries, ALL, T0 + silenceMs + 1)), [['never_ended', 'req_00000001']])
  })

  test('remembers so many whole requests, and sees a second ending of an older one all the same', () => {
    const log = new TestLog()
    for (let n = 0; n < 100; n++) log.whole(n, `req_${String(n).padStart(8, '0')}`)
    log.completed(DAY_MS / 2, 'req_00000000')
    const fold = new Conservation(ALL, { ...DEFAULT_CONSERVATION_LIMITS, maxRemembered: 10 })
    for (const entry of log.entries) fold.add(entry)
    assert.deepEqual(
      fold.finish(ALL.toMs).offenders.map(({ offence }) => offence),
      ['never_admitted'],
    )
  })
})

/** Numbers from a seed: a failing run can be repeated. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

interface Generated {
  readonly entries: StoredEvent[]
  readonly admitted: number
  readonly tokens: number
}

/** A healthy log of some identities: requests that run beside each other, and end in every way. */
function healthyLog(next: () => number): Generated {
  const steps: Array<{ atMs: number; store(log: TestLog): void }> = []
  const requests = 1 + Math.floor(next() * 60)
  let tokens = 0
  for (let n = 0; n < requests; n++) {
    const request = `req_${String(n).padStart(8, '0')}`
    const atMs = Math.floor(next() * 1_000_000)
    const endMs = atMs + Math.floor(next() * 60_000)
    const total = Math.floor(next() * 500)
    const way = next()
    tokens += total
    steps.push({ atMs, store: log => log.admitted(atMs, request) })
    if (way > 0.8) steps.push({ atMs: (atMs + endMs) / 2, store: log => log.progressed(atMs, request, 1) })
    const end = way < 0.5 ? 'completed' : way < 0.75 ? 'failed' : 'interrupted'
    steps.push({ atMs: endMs, store: log => log[end](endMs, request) })
    // The streams of endings and settlements are read side by side: either may come first.
    steps.push({ atMs: endMs + (next() - 0.5), store: log => log.settled(endMs, request, total) })
  }
  const log = new TestLog()
  for (const { store } of steps.sort((a, b) => a.atMs - b.atMs)) store(log)
  return { entries: log.entries, admitted: requests, tokens }
}

describe('conservation of any log', () => {
  for (let seed = 1; seed <= 50; seed++) {
    test(`seed ${seed}: holds as it is, and not with any one entry of a request less or more`, () => {
      const next = random(seed)
      const { entries, admitted, tokens } = healthyLog(next)
      const told = check(entries)
      assert.deepEqual(told.offenders, [])
      assert.deepEqual(
        [told.whole.admitted, told.whole.inFlight, told.whole.totalTokens],
        [admitted, 0, tokens],
      )

      const telling = entries.filter(({ event }) => event.type !== 'fluxgate.tokens.progressed')
      const victim = telling[Math.floor(next() * telling.length)]!
      const request = (victim.event.data as { request: string }).request
      const without = check(entries.filter(entry => entry !== victim))
      assert.ok(
        without.offenders.some(each => each.request === request),
        'one event less',
      )
      const at = entries.indexOf(victim)
      const late = at + Math.floor(next() * (entries.length - at))
      const twice = check([...entries.slice(0, late + 1), victim, ...entries.slice(late + 1)])
      assert.deepEqual(
        offences(twice).map(([, who]) => who),
        [request],
      )

      // Cut at any time, what has not ended is in flight, and the sums still add up.
      const cutMs = T0 + Math.floor(next() * 1_000_000)
      const cut = check(
        entries.filter(({ storedAtMs }) => storedAtMs <= cutMs),
        { fromMs: T0, toMs: cutMs },
      )
      const { completed, failed, interrupted, inFlight } = cut.whole
      assert.deepEqual(cut.offenders, [])
      assert.equal(cut.whole.admitted, completed + failed + interrupted + inFlight)
    })
  }
})

const zero: Sums = {
  admitted: 0,
  refused: 0,
  completed: 0,
  failed: 0,
  interrupted: 0,
  inFlight: 0,
  settled: 0,
  promptTokens: 0,
  completionTokens: 0,
  totalTokens: 0,
}
