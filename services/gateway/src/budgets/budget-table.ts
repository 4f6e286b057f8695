import type { Budget, DataOf, TokensSettled } from '@fluxgate/contracts'
import { identityText } from '@fluxgate/contracts'
import type { BudgetLimits } from './budget-limits.ts'
import { Crossings } from './crossings.ts'
import { type Amount, Ledger } from './ledger.ts'
import { periodEnd } from './period.ts'
import { type Book, exceededBy, type Reached, reachedBy, ruleOf, stricter } from './rule.ts'
import { holderOf, type Payer, scopeOf, scopeText } from './scope.ts'
import { newReading, type Reading } from './seen-requests.ts'
import { NO_WARNINGS, NOT_CONCERNED, takeLeft, type Verdict } from './verdict.ts'

/** What a call holds: its reservation, and from its settlement on what it has used, until the log tells it. */
interface Hold {
  readonly payer: Payer
  readonly reserved: Amount
  settled: { readonly amount: Amount; readonly atMs: number } | undefined
}

type Limits = Pick<BudgetLimits, 'maxBudgetHolders' | 'maxBudgetHolds' | 'budgetLoadingMs'>

/**
 * All budgets and what is used of them: a fold of `tokens.settled`, and over it what this node's calls hold. Times are
 * epoch milliseconds.
 */
export class BudgetTable {
  readonly #limits: Limits
  #budgets: readonly Budget[] = []
  readonly #books = new Map<string, Book>()
  #general: Book[] = []
  /** `each` → `only` → books: for budgets of a single holder. */
  #single = new Map<Budget['each'], Map<string, Book[]>>()
  readonly #holds = new Map<string, Hold>()
  readonly crossings: Crossings
  /** The reading that goes on with the log, and sees what this node's calls hold come back from it. */
  readonly main: Reading = newReading()
  /** Called when a refusal has crossed a limit. */
  onUnreported: () => void = () => {}

  constructor(limits: Limits) {
    this.#limits = limits
    this.crossings = new Crossings(limits.maxBudgetHolders)
  }

  get budgets(): readonly Budget[] {
    return this.#budgets
  }

  get holds(): number {
    return this.#holds.size
  }

  ledgers(): Ledger[] {
    return Array.from(this.#books.values(), book => book.ledger)
  }

  bookOf(budget: Budget): Book | undefined {
    return this.#books.get(scopeText(scopeOf(budget)))
  }

  /** Sums of scopes that stay are kept. @returns those that are new, whose sums the log has to tell */
  setBudgets(budgets: readonly Budget[], nowMs: number): readonly Ledger[] {
    this.#budgets = budgets
    const before = new Map(this.#books)
    this.#books.clear()
    const grown: Ledger[] = []
    for (const budget of budgets) {
      const scope = scopeOf(budget)
      const text = scopeText(scope)
      let book = this.#books.get(text)
      if (!book) {
        let ledger = before.get(text)?.ledger
        if (!ledger) {
          const waitUntilMs = nowMs + this.#limits.budgetLoadingMs
          ledger = new Ledger(scope, this.#limits.maxBudgetHolders, waitUntilMs)
          grown.push(ledger)
        }
        book = { ledger, rules: [] }
        this.#books.set(text, book)
      }
      book.rules.push(ruleOf(budget))
    }
    this.#index()
    if (budgets.length === 0) this.#holds.clear()
    for (const { ledger } of this.#books.values()) ledger.clearHolds()
    for (const hold of this.#holds.values()) this.#count(hold)
    return grown
  }

  /** Whether a payer's budgets let a reservation through. Changes nothing. A call that asks for no tokens always passes. */
  ask(payer: Payer, wanted: Amount, nowMs: number): Verdict {
    if (this.#books.size === 0 || wanted.tokens === 0) return NOT_CONCERNED
    const books = this.#concerned(payer)
    if (books.length === 0) return NOT_CONCERNED
    let warnings: Reached[] | undefined
    let over: Reached | undefined
    let isHard = false
    const left = { tokens: Number.POSITIVE_INFINITY, micros: Number.POSITIVE_INFINITY }
    for (const { ledger, rules } of books) {
      const holder = holderOf(ledger.scope.each, payer)
      const standing = ledger.standing(holder, nowMs)
      for (const rule of rules) {
        if (rule.budget.action === 'refuse') {
          isHard = true
          if (!ledger.loaded && nowMs < ledger.waitUntilMs)
            return { kind: 'loading', untilMs: ledger.waitUntilMs }
          const by = exceededBy(rule, wanted, holder, standing)
          if (by) over = stricter(over, by)
        }
        takeLeft(left, rule, wanted, standing)
        const warning = reachedBy(rule, 'soft', holder, standing)
        if (warning) warnings = [...(warnings ?? []), warning]
      }
    }
    if (over) return { kind: 'over', by: over }
    if (isHard && this.#holds.size >= this.#limits.maxBudgetHolds) return { kind: 'full' }
    return { kind: 'within', warnings: warnings ?? NO_WARNINGS, left }
  }

  /** From now on the reservation counts. A call that no budget concerns holds nothing. */
  reserve(request: string, payer: Payer, reserved: Amount): void {
    if (this.#books.size === 0 || this.#holds.size >= this.#limits.maxBudgetHolds) return
    if (this.#concerned(payer).length === 0) return
    const hold: Hold = { payer, reserved, settled: undefined }
    this.#holds.set(request, hold)
    this.#count(hold)
  }

  /** The settlement is appended: what was used counts instead of the reservation, until {@link fold} sees it. */
  settle(request: string, amount: Amount, nowMs: number): void {
    const hold = this.#holds.get(request)
    if (!hold || hold.settled) return
    this.#discount(hold)
    hold.settled = { amount, atMs: nowMs }
    this.#count(hold)
  }

  /**
   * Takes in a settlement that `reading` has come to; crossings that it makes wait in {@link crossings}. Several may have one
   * sequence, as events of a batch: it is over when {@link reach} says so.
   */
  fold(
    reading: Reading,
    fact: DataOf<typeof TokensSettled>,
    timeMs: number,
    sequence: number,
    nowMs: number,
  ): void {
    const hold = reading === this.main ? this.#holds.get(fact.request) : undefined
    if (hold) {
      this.#discount(hold)
      this.#holds.delete(fact.request)
    }
    if (reading.seen.isRepeated(fact.request, sequence)) return
    const identity = { user: fact.user, key: fact.key }
    const payer = { identity, identityText: identityText(identity), tier: fact.tier }
    const amount = { tokens: fact.total, micros: fact.costMicros ?? 0 }
    for (const { ledger, rules } of this.#concerned(payer)) {
      if (ledger.reading !== reading || ledger.position >= sequence) continue
      const holder = holderOf(ledger.scope.each, payer)
      const added = ledger.add(holder, timeMs, amount, nowMs)
      if (!added) continue
      const endMs = periodEnd(ledger.scope.period, added.startMs)
      const standing = { startMs: added.startMs, endMs, used: added.sum, held: NOTHING }
      for (const rule of rules) {
        for (const level of LEVELS) {
          const reached = reachedBy(rule, level, holder, standing)
          if (reached) this.crossings.find(reached, level, payer, fact.request)
        }
      }
    }
  }

  /** Every message up to this one has been folded by `reading`, or is no settlement. */
  reach(reading: Reading, sequence: number, storedAtMs: number): void {
    for (const { ledger } of this.#books.values()) {
      if (ledger.reading !== reading || ledger.position > sequence) continue
      ledger.position = sequence
      ledger.asOfMs = storedAtMs
    }
  }

  /** The log was made anew and is read from its first message: what the one of before said stays in the sums. */
  beginAnew(reading: Reading): void {
    reading.seen.beginAnew()
    for (const { ledger } of this.#books.values()) {
      if (ledger.reading === reading) ledger.position = 0
    }
  }

  /** A reading has come to the end of the log: its ledgers go on with the main one. */
  markLoaded(reading: Reading): void {
    for (const { ledger } of this.#books.values()) {
      if (ledger.reading !== reading) continue
      ledger.loaded = true
      ledger.reading = this.main
    }
  }

  /** A call was refused. Where only calls in flight stand in its way the limit is not crossed. */
  refused(verdict: Verdict, payer: Payer, request: string): void {
    if (verdict.kind !== 'over' || verdict.by.isOnlyHeld) return
    if (this.crossings.find(verdict.by, 'hard', payer, request)) this.onUnreported()
  }

  /**
   * Drops what is over. A settlement that the log has been read far past was dropped by its stream before it was read: it
   * counts no longer, as in a sum that is read from the log.
   */
  forgetOver(nowMs: number): void {
    for (const [request, hold] of this.#holds) {
      if (!hold.settled || !this.#isReadPast(hold, hold.settled.atMs, nowMs)) continue
      this.#discount(hold)
      this.#holds.delete(request)
    }
    for (const { ledger } of this.#books.values()) ledger.forgetOver(nowMs)
    this.crossings.forgetOver(nowMs)
  }

  #isReadPast({ payer }: Hold, settledAtMs: number, nowMs: number): boolean {
    if (nowMs - settledAtMs > MAX_UNSEEN_MS) return true
    return this.#concerned(payer).every(
      ({ ledger }) => ledger.loaded && ledger.asOfMs > settledAtMs + READ_PAST_MS,
    )
  }

  #index(): void {
    this.#general = []
    this.#single = new Map()
    for (const book of this.#books.values()) {
      const { each, only } = book.ledger.scope
      if (only === undefined) {
        this.#general.push(book)
        continue
      }
      const holders = this.#single.get(each) ?? new Map<string, Book[]>()
      this.#single.set(each, holders)
      holders.set(only, [...(holders.get(only) ?? []), book])
    }
  }

  #concerned(payer: Payer): readonly Book[] {
    let books = this.#general
    for (const [each, holders] of this.#single) {
      const own = holders.get(holderOf(each, payer))
      if (own) books = books === this.#general ? [...books, ...own] : books.concat(own)
    }
    return books
  }

  #count({ payer, reserved, settled }: Hold): void {
    for (const { ledger } of this.#concerned(payer)) {
      const holder = holderOf(ledger.scope.each, payer)
      if (settled) ledger.expect(holder, settled.atMs, settled.amount)
      else ledger.reserve(holder, reserved)
    }
  }

  #discount({ payer, reserved, settled }: Hold): void {
    for (const { ledger } of this.#concerned(payer)) {
      const holder = holderOf(ledger.scope.each, payer)
      if (settled) ledger.seen(holder, settled.atMs, settled.amount)
      else ledger.release(holder, reserved)
    }
  }
}

/** The log's time is past a settlement by so much: more than clocks differ, and than a node's backlog takes to be sent. */
const READ_PAST_MS = 3_600_000
/** Nothing waits longer for the log, even where no message comes that would tell the time. */
const MAX_UNSEEN_MS = 86_400_000
const LEVELS = ['soft', 'hard'] as const
const NOTHING: Amount = Object.freeze({ tokens: 0, micros: 0 })
