import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Budget, DataOf, TokensSettled } from '@fluxgate/contracts'
import fc from 'fast-check'
import { BudgetTable } from './budget-table.ts'
import type { Amount, Ledger, PeriodSums } from './ledger.ts'
import { periodStart } from './period.ts'
import { holderOf, type Payer, scopeText } from './scope.ts'
import { newReading, type Reading, SEEN_WINDOW } from './seen-requests.ts'

/** A Wednesday, well inside its day, week and month. */
const NOW_MS = Date.UTC(2026, 10, 18, 12)
const DAY_MS = 86_400_000
const LIMITS = { maxBudgetHolders: 1_000, maxBudgetHolds: 1_000, budgetLoadingMs: 0 }
const PERIODS = ['day', 'week', 'month'] as const
const BUDGETS: readonly Budget[] = (['key', 'user', 'tier', 'all'] as const).flatMap(each =>
  PERIODS.map((period): Budget => {
    return { name: `${each}-${period}`, each, period, tokens: 1e12, action: 'refuse' }
  }),
)
const LATE: Budget = {
  name: 'late',
  each: 'user',
  only: 'u1',
  period: 'week',
  tokens: 1e12,
  action: 'warn',
}

interface Settlement {
  readonly request: string
  readonly payer: Payer
  readonly amount: Amount
  readonly timeMs: number
}

interface Saved {
  readonly text: string
  readonly position: number
  readonly periods: readonly PeriodSums[]
}

function payerOf(n: number): Payer {
  const identity = { user: `u${n % 3}`, key: `k${n % 4}` }
  return { identity, identityText: `${identity.user}.${identity.key}`, tier: n % 2 === 0 ? 'free' : 'pro' }
}

/** One node before a log, and beside it what a plain sum knows. */
class World {
  /** Sequence 1 is at index 0. */
  readonly log: Settlement[] = []
  /** In flight at this node, or settled by it and not seen in the log. */
  readonly inFlight = new Map<string, { payer: Payer; reserved: Amount }>()
  readonly unseen = new Map<string, Settlement>()
  table = new BudgetTable(LIMITS)
  next = 0
  late: { reading: Reading; next: number } | undefined
  saved: Saved[] = []
  requests = 0

  constructor() {
    this.start(undefined)
  }

  start(saved: readonly Saved[] | undefined): void {
    this.table = new BudgetTable(LIMITS)
    this.inFlight.clear()
    this.unseen.clear()
    this.late = undefined
    const restored = new Map(saved?.map(each => [each.text, each]))
    for (const ledger of this.table.setBudgets(BUDGETS, NOW_MS)) {
      ledger.reading = this.table.main
      const found = restored.get(scopeText(ledger.scope))
      if (found) ledger.restore(found.position, NOW_MS, found.periods)
    }
    const positions = this.table.ledgers().map(({ position }) => position)
    this.next = Math.max(0, Math.min(...positions) - SEEN_WINDOW)
  }

  begin(n: number, reserved: Amount): void {
    const request = `r${++this.requests}`
    const payer = payerOf(n)
    this.table.reserve(request, payer, reserved)
    this.inFlight.set(request, { payer, reserved })
  }

  /** The settlement is appended, and sent to the log at once or later. */
  settle(n: number, amount: Amount, isSent: boolean): void {
    const [request, call] = pick([...this.inFlight], n) ?? []
    if (request === undefined || !call) return
    this.inFlight.delete(request)
    const settlement = { request, payer: call.payer, amount, timeMs: NOW_MS }
    this.table.settle(request, amount, NOW_MS)
    this.unseen.set(request, settlement)
    if (isSent) this.log.push(settlement)
  }

  /** Another node has settled a call. */
  hear(n: number, amount: Amount, timeMs: number): void {
    this.log.push({ request: `r${++this.requests}`, payer: payerOf(n), amount, timeMs })
  }

  /** A settlement that was not known to be stored is sent again. */
  repeat(n: number): void {
    const again = pick(this.log, n)
    if (again) this.log.push(again)
  }

  /** A batch whose handler threw is given again. */
  readAgain(count: number): void {
    for (let i = Math.max(0, this.next - count); i < this.next; i++) this.fold(this.table.main, i)
  }

  /** What waited to be sent is sent. */
  flush(): void {
    const sent = new Set(this.log.map(({ request }) => request))
    for (const [request, settlement] of this.unseen) if (!sent.has(request)) this.log.push(settlement)
  }

  fold(reading: Reading, index: number): void {
    const { request, payer, amount, timeMs } = this.log[index]!
    const fact = { request, ...payer.identity, tier: payer.tier, total: amount.tokens } as DataOf<
      typeof TokensSettled
    >
    this.table.fold(reading, { ...fact, costMicros: amount.micros }, timeMs, index + 1, NOW_MS)
    if (reading === this.table.main) this.unseen.delete(request)
  }

  read(count: number): void {
    for (let i = 0; i < count && this.next < this.log.length; i++) this.fold(this.table.main, this.next++)
    this.table.reach(this.table.main, this.next, NOW_MS)
    // It may get ahead: two readers take what the server gives them.
    this.readLate(count * 2)
  }

  /** The reading of a later budget: joins when it has come as far as the main one. */
  readLate(count: number): void {
    if (!this.late) return
    const { reading } = this.late
    for (let i = 0; i < count && this.late.next < this.log.length; i++) this.fold(reading, this.late.next++)
    this.table.reach(reading, this.late.next, NOW_MS)
    if (this.late.next < this.next) return
    this.table.markLoaded(reading)
    this.late = undefined
  }

  addLate(): void {
    const grown = this.table.setBudgets([...BUDGETS, LATE], NOW_MS)
    if (grown.length === 0) return
    this.late = { reading: newReading(), next: 0 }
    for (const ledger of grown) ledger.reading = this.late.reading
  }

  dropLate(): void {
    this.table.setBudgets(BUDGETS, NOW_MS)
    this.late = undefined
  }

  save(): void {
    this.saved = this.table.ledgers().map(ledger => {
      return { text: scopeText(ledger.scope), position: ledger.position, periods: [...ledger.told()] }
    })
  }

  /** Each ledger knows what it has read and what this node has settled, each request once. */
  check(): void {
    for (const ledger of this.table.ledgers()) {
      // While a new ledger reads the past it knows less; nobody goes by it.
      if (ledger.reading !== this.table.main) continue
      // One that was ahead when it joined counts this node's own settlements twice, until the main reading is there.
      if (ledger.position > this.next) continue
      const counted = new Map(this.log.slice(0, ledger.position).map(each => [each.request, each]))
      for (const [request, settlement] of this.unseen) counted.set(request, settlement)
      for (let n = 0; n < 12; n++) this.checkHolder(ledger, payerOf(n), [...counted.values()])
    }
  }

  checkHolder(ledger: Ledger, of: Payer, counted: readonly Settlement[]): void {
    const { each, period, only } = ledger.scope
    const holder = holderOf(each, of)
    if (only !== undefined && only !== holder) return
    const isHeld = ({ payer }: { payer: Payer }) => holderOf(each, payer) === holder
    const startMs = periodStart(period, NOW_MS)
    const used = sum(
      counted.filter(settled => isHeld(settled) && settled.timeMs >= startMs).map(({ amount }) => amount),
    )
    const held = sum([...this.inFlight.values()].filter(isHeld).map(({ reserved }) => reserved))
    const standing = ledger.standing(holder, NOW_MS)
    assert.deepEqual(standing.used, used, `${scopeText(ledger.scope)} of ${holder}: used`)
    assert.deepEqual(
      { tokens: standing.held.tokens, micros: standing.held.micros },
      held,
      `${scopeText(ledger.scope)} of ${holder}: held`,
    )
  }
}

function sum(amounts: readonly Amount[]): Amount {
  return {
    tokens: amounts.reduce((all, { tokens }) => all + tokens, 0),
    micros: amounts.reduce((all, { micros }) => all + micros, 0),
  }
}

function pick<T>(list: readonly T[], n: number): T | undefined {
  return list[n % Math.max(1, list.length)]
}

interface Step {
  /** For the report of a failure. */
  readonly name: string
  readonly take: (world: World) => void
}

const n = fc.nat(1_000)
const few = fc.nat(9)
const amount = fc.record({ tokens: fc.nat(5_000), micros: fc.nat(900_000) })
const always = (name: string, take: Step['take']) => fc.constant<Step>({ name, take })

const common: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(n, amount).map(([i, reserved]): Step => {
    return { name: `begin ${i}`, take: world => world.begin(i, reserved) }
  }),
  fc.tuple(n, amount, fc.boolean()).map(([i, used, isSent]): Step => {
    return { name: `settle ${i} ${isSent}`, take: world => world.settle(i, used, isSent) }
  }),
  // Another node's call, now or up to forty days ago.
  fc.tuple(n, amount, fc.oneof(fc.nat(2 * DAY_MS), fc.nat(40 * DAY_MS))).map(([i, used, agoMs]): Step => {
    return { name: `other ${i}`, take: world => world.hear(i, used, NOW_MS - agoMs) }
  }),
  n.map((i): Step => ({ name: `repeat ${i}`, take: world => world.repeat(i) })),
  few.map((count): Step => ({ name: `read ${count}`, take: world => world.read(count) })),
  few.map((count): Step => ({ name: `again ${count}`, take: world => world.readAgain(count) })),
  always('flush', world => world.flush()),
  always('save', world => world.save()),
  always('a later budget', world => world.addLate()),
)

const rare: fc.Arbitrary<Step> = fc.oneof(
  always('stop and start', world => {
    world.flush()
    world.save()
    world.start(world.saved)
  }),
  always('killed, an old checkpoint', world => {
    world.flush()
    world.start(world.saved)
  }),
  always('killed, no disk', world => {
    world.flush()
    world.start(undefined)
  }),
  always('no later budget', world => world.dropLate()),
)

const step = fc.oneof({ weight: 9, arbitrary: common }, { weight: 1, arbitrary: rare })

describe('the sums of budgets', () => {
  it('are those of a plain sum over distinct settlements, whatever comes in between', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), steps => {
        const world = new World()
        for (const { take } of steps) {
          take(world)
          world.check()
        }
        world.flush()
        world.read(Number.POSITIVE_INFINITY)
        world.check()
        assert.equal(world.late, undefined)
        assert.equal(world.table.holds, world.inFlight.size)
        for (const ledger of world.table.ledgers()) assert.equal(ledger.position, world.log.length)
      }),
      { numRuns: 300 },
    )
  })
})
