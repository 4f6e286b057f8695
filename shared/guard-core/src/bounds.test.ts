import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Fold } from './fold.ts'
import { MAX_VALUES, RecentValues } from './recent-values.ts'
import { ruleStatusOf, suppress } from './rule-status.ts'
import { concurrentStreams } from './rules/concurrent-streams.ts'
import { RULES } from './rules/index.ts'
import { SourceClocks } from './source-clocks.ts'
import { emptyState } from './state.ts'
import { ada, decisionsOver, Log, POLICY } from './test-events.ts'

describe('the guard remembers', () => {
  it('as many values of one window as a policy can ask for: the oldest is forgotten', () => {
    const values = new RecentValues()
    for (let i = 0; i < 5_000; i++) values.add(`v${i}`, i, i, 1_000_000)
    assert.equal(values.size, MAX_VALUES)
    assert.equal(values.places(MAX_VALUES)[0], 5_000 - MAX_VALUES)
  })

  it('1,001 streams of one identity: the oldest is forgotten', () => {
    const log = new Log()
    for (let i = 0; i < 3_000; i++) log.admitted(i, ada, { stream: true })
    let memory: ReturnType<typeof concurrentStreams.evolve> | undefined
    for (const entry of log.entries) {
      memory = concurrentStreams.evolve(
        memory as never,
        { ...entry, place: entry.sequence, atMs: entry.storedAtMs },
        POLICY,
      )
    }
    assert.equal((memory as Map<string, unknown>).size, 1_001)
  })

  it('16 incidents of one rule and identity: the oldest is forgotten', () => {
    const [state] = emptyState(RULES, 10)
    for (let i = 0; i < 100; i++) suppress(state!, 'ada.k1', { incident: `i${i}`, sinceMs: i, untilMs: i })
    const { suppressions } = ruleStatusOf(state!, 'ada.k1')
    assert.deepEqual([suppressions.length, suppressions[0]!.incident], [16, 'i84'])
  })

  it('no more identities that have had an incident than keys: the longest known is forgotten', () => {
    const log = new Log()
    const fold = new Fold(RULES, 50)
    for (let i = 0; i < 500; i++) log.settled(i, 100_000, { user: `user${i}`, key: 'k' })
    assert.equal(decisionsOver(log.entries, POLICY, fold).length > 400, true)
    for (const [rule, { keys, statuses }] of fold.sizes()) assert.ok(keys <= 50 && statuses <= 50, rule)
  })

  it('the clocks of 1,000 sources: the one that came first is forgotten', () => {
    const log = new Log()
    log.settled(0, 1)
    const [entry] = log.entries
    const clocks = new SourceClocks()
    for (let i = 0; i < 5_000; i++) {
      clocks.timeOf({ ...entry!, event: { ...entry!.event, source: `/gateway/n${i}/boot` } as never })
    }
    assert.equal(clocks.size, 1_000)
  })
})
