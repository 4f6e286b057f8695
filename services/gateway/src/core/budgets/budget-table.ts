import type { Budget, DataOf, TokensSettled } from '@fluxgate/contracts'
import { identityText } from '@fluxgate/contracts'
import { type CrossedFact, type CrossingName, crossedFact, crossingName, crossingText } from './crossing.ts'
import { type Amount, Ledger } from './ledger.ts'
import type { BudgetLimits } from './limits.ts'
import { periodEnd } from './period.ts'
import { type Book, exceededBy, type Level, type Reached, reachedBy, ruleOf } from './rule.ts'
import { holderOf, type Payer, scopeOf, scopeText } from './scope.ts'
import { SeenRequests } from './seen-requests.ts'

export type Verdict =
  | { readonly kind: 'within'; readonly warnings: readonly Reached[] }
  /** Of the budgets that say no the one that resets last. */
  | { readonly kind: 'over'; readonly by: Reached }
  | { readonly kind: 'loading'; readonly untilMs: number }
  /** More is in flight, or on its way to the log, than can be held. */
  | { readonly kind: 'full' }

/** What a call holds: its reservation, and from its settlement on what it has used, until the log tells it. */
interface Hold {
  readonly payer: Payer
  readonly reserved: Amount
  settled: { readonly amount: Amount; readonly atMs: number } | undefined
}

type Limits = Pick<BudgetLimits, 'maxBudgetHolders' | 'maxBudgetHolds' | 'budgetLoadingMs'>

const NOT_CONCERNED: Verdict = Object.freeze({ kind: 'within', warnings: Object.freeze([]) })

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
  readonly #seen = new SeenRequests()
  /** Crossings that stand in the log, are on their way there, or wait in {@link #untold} → end of their period. */
  readonly #told = new Map<string, number>()
  /** Found while the log is read: one of them may come later in it, told by another. */
  readonly #untold = new Map<string, CrossedFact>()

  constructor(limits: Limits) {
    this.#limits = limits
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

  /** Whether a payer's budgets let a reservation through. Changes nothing. */
  ask(payer: Payer, wanted: Amount, nowMs: number): Verdict {
    if (this.#books.size === 0) return NOT_CONCERNED
    let warnings: Reached[] | undefined
    let over: Reached | undefined
    let isHard = false
    for (const { ledger, rules } of this.#concerned(payer)) {
      const holder = holderOf(ledger.scope.each, payer)
      const standing = ledger.standing(holder, nowMs)
      for (const rule of rules) {
        if (rule.budget.action === 'refuse') {
          isHard = true
          if (!ledger.loaded && nowMs < ledger.waitUntilMs)
            return { kind: 'loading', untilMs: ledger.waitUntilMs }
          const by = exceededBy(rule, wanted, holder, standing)
          if (by && (!over || by.standing.endMs > over.standing.endMs)) over = by
        }
        const warning = reachedBy(rule, 'soft', holder, standing)
        if (warning) warnings = [...(warnings ?? []), warning]
      }
    }
    if (over) return { kind: 'over', by: over }
    if (isHard && this.#holds.size >= this.#limits.maxBudgetHolds) return { kind: 'full' }
    return warnings ? { kind: 'within', warnings } : NOT_CONCERNED
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

  /** Takes in a settlement from the log; crossings that it makes wait for {@link takeUntold}. */
  fold(fact: DataOf<typeof TokensSettled>, timeMs: number, sequence: number, nowMs: number): void {
    const hold = this.#holds.get(fact.request)
    if (hold) {
      this.#discount(hold)
      this.#holds.delete(fact.request)
    }
    if (this.#seen.isRepeated(fact.request, sequence)) return
    const identity = { user: fact.user, key: fact.key }
    const payer = { identity, identityText: identityText(identity), tier: fact.tier }
    const amount = { tokens: fact.total, micros: fact.costMicros ?? 0 }
    for (const { ledger, rules } of this.#concerned(payer)) {
      if (ledger.position >= sequence) continue
      ledger.position = sequence
      const holder = holderOf(ledger.scope.each, payer)
      const added = ledger.add(holder, timeMs, amount, nowMs)
      if (!added) continue
      const endMs = periodEnd(ledger.scope.period, added.startMs)
      const standing = { startMs: added.startMs, endMs, used: added.sum, held: NOTHING }
      for (const rule of rules) {
        for (const level of LEVELS) {
          const reached = reachedBy(rule, level, holder, standing)
          if (reached) this.#tellOnce(reached, level, payer, fact.request)
        }
      }
    }
  }

  /** Every message up to this one has been folded, or is no settlement. */
  reach(sequence: number, storedAtMs: number): void {
    for (const { ledger } of this.#books.values()) {
      if (ledger.position > sequence) continue
      ledger.position = sequence
      ledger.asOfMs = storedAtMs
    }
  }

  /** The sums have come to the end of the log. */
  markLoaded(): void {
    for (const { ledger } of this.#books.values()) ledger.loaded = true
  }

  /** The log is read again from an earlier message, for the sake of new ledgers. */
  rewind(): void {
    this.#seen.clear()
  }

  /** The budget has refused: its limit would have been passed. */
  refused(by: Reached, payer: Payer, request: string): void {
    this.#tellOnce(by, 'hard', payer, request)
  }

  /** Crossings that the log does not tell as far as it was read, each given once. */
  takeUntold(): readonly CrossedFact[] {
    if (this.#untold.size === 0) return NONE
    const facts = [...this.#untold.values()]
    this.#untold.clear()
    return facts
  }

  /** A crossing stands in the log. */
  markTold(name: CrossingName): void {
    const text = crossingText(name)
    this.#untold.delete(text)
    this.#told.set(text, periodEnd(name.period, name.periodStart))
  }

  /** What {@link markTold} was given and is not over, with the end of its period. */
  *told(): Generator<readonly [text: string, endMs: number]> {
    for (const crossing of this.#told) if (!this.#untold.has(crossing[0])) yield crossing
  }

  /** Takes over what {@link told} gave. */
  restoreTold(crossings: Iterable<readonly [text: string, endMs: number]>): void {
    for (const [text, endMs] of crossings) this.#told.set(text, endMs)
  }

  /** Drops what is over. */
  forgetOver(nowMs: number): void {
    for (const { ledger } of this.#books.values()) ledger.forgetOver(nowMs)
    for (const [text, endMs] of this.#told) if (endMs <= nowMs) this.#told.delete(text)
  }

  #tellOnce(reached: Reached, level: Level, payer: Payer, request: string): void {
    const text = crossingText(crossingName(reached, level))
    if (this.#told.has(text)) return
    this.#told.set(text, reached.standing.endMs)
    this.#untold.set(text, crossedFact(reached, level, payer, request))
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

const NONE: readonly CrossedFact[] = Object.freeze([])
const LEVELS = ['soft', 'hard'] as const
const NOTHING: Amount = Object.freeze({ tokens: 0, micros: 0 })
