import type { Budget, DataOf, TokensSettled } from '@fluxgate/contracts'
import { identityText } from '@fluxgate/contracts'
import { type CrossedFact, type CrossingName, crossedFact, crossingName, crossingText } from './crossing.ts'
import { type Amount, Ledger } from './ledger.ts'
import type { BudgetLimits } from './limits.ts'
import { periodEnd } from './period.ts'
import { type Book, exceededBy, type Level, type Reached, type Rule, reachedBy, ruleOf } from './rule.ts'
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
const NONE: readonly CrossedFact[] = Object.freeze([])

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
  /** Crossings that stand in the log, or are on their way there → end of their period. */
  readonly #told = new Map<string, number>()
  /** Last sequence of the log that was folded. */
  position = 0

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

  /** Sums of scopes that stay are kept. @returns true when there are new ones, whose sums the log has to tell */
  setBudgets(budgets: readonly Budget[], nowMs: number): boolean {
    this.#budgets = budgets
    const before = new Map(this.#books)
    this.#books.clear()
    let grown = false
    for (const budget of budgets) {
      const scope = scopeOf(budget)
      const text = scopeText(scope)
      let book = this.#books.get(text)
      if (!book) {
        const known = before.get(text)?.ledger
        grown ||= known === undefined
        const waitUntilMs = nowMs + this.#limits.budgetLoadingMs
        const ledger = known ?? new Ledger(scope, this.#limits.maxBudgetHolders, waitUntilMs)
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

  /** Takes in a settlement from the log. @returns crossings to tell, each for the first time here */
  fold(
    fact: DataOf<typeof TokensSettled>,
    timeMs: number,
    sequence: number,
    nowMs: number,
  ): readonly CrossedFact[] {
    this.position = Math.max(this.position, sequence)
    const hold = this.#holds.get(fact.request)
    if (hold) {
      this.#discount(hold)
      this.#holds.delete(fact.request)
    }
    if (this.#seen.isRepeated(fact.request, sequence)) return NONE
    const identity = { user: fact.user, key: fact.key }
    const payer = { identity, identityText: identityText(identity), tier: fact.tier }
    const amount = { tokens: fact.total, micros: fact.costMicros ?? 0 }
    let crossings: CrossedFact[] | undefined
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
          const crossed = this.#cross(rule, level, holder, standing, payer, fact.request)
          if (crossed) crossings = [...(crossings ?? []), crossed]
        }
      }
    }
    return crossings ?? NONE
  }

  /** Every message up to this one has been folded, or is no settlement. */
  reach(sequence: number): void {
    this.position = Math.max(this.position, sequence)
    for (const { ledger } of this.#books.values()) ledger.position = Math.max(ledger.position, sequence)
  }

  /** The log is read again from an earlier message, for the sake of new ledgers. */
  rewind(): void {
    this.#seen.clear()
  }

  /** The budget has refused. @returns the crossing to tell, the first time here */
  crossedByRefusal(by: Reached, payer: Payer, request: string): CrossedFact | undefined {
    return this.#tellOnce(by, 'hard', payer, request)
  }

  /** A crossing stands in the log. */
  markTold(name: CrossingName): void {
    this.#told.set(crossingText(name), periodEnd(name.period, name.periodStart))
  }

  /** Drops what is over. */
  forgetOver(nowMs: number): void {
    for (const { ledger } of this.#books.values()) ledger.forgetOver(nowMs)
    for (const [text, endMs] of this.#told) if (endMs <= nowMs) this.#told.delete(text)
  }

  #cross(
    rule: Rule,
    level: Level,
    holder: string,
    standing: Parameters<typeof reachedBy>[3],
    payer: Payer,
    request: string,
  ): CrossedFact | undefined {
    const reached = reachedBy(rule, level, holder, standing)
    return reached && this.#tellOnce(reached, level, payer, request)
  }

  #tellOnce(reached: Reached, level: Level, payer: Payer, request: string): CrossedFact | undefined {
    const text = crossingText(crossingName(reached, level))
    if (this.#told.has(text)) return undefined
    this.#told.set(text, reached.standing.endMs)
    return crossedFact(reached, level, payer, request)
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

const LEVELS = ['soft', 'hard'] as const
const NOTHING: Amount = Object.freeze({ tokens: 0, micros: 0 })
