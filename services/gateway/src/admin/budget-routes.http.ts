import { type Budget, identityText } from '@fluxgate/contracts'
import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { type BudgetReport, type BudgetTable, type HolderReport, reportOf, shown } from '../budgets/index.ts'
import {
  budgetUse,
  documented,
  done,
  EMPTY,
  json,
  list,
  type Outcome,
  refused,
  send,
  sendError,
} from '../http/index.ts'
import { findBudget, withBudget, withoutBudget } from '../policy/index.ts'
import { budgetBody, budgetOf, readBudget, readBudgetName } from './bodies.ts'
import { inTime } from './confirm-order.timer.ts'
import { type LimitDeps, orderLimits } from './limit-routes.http.ts'

export interface BudgetDeps extends LimitDeps {
  readonly budgets: BudgetTable
  readonly epochMs: () => number
}

/** Holders shown of each budget in the list, and of a single one; those that have used most. */
const LISTED_HOLDERS = 10
const SHOWN_HOLDERS = 1_000
const NO_BUDGET = refused('not_found', 'There is no such budget.').fault
const NO_KEY = refused('invalid_body', 'only must be one key: <user>.<key>, a key id, or a whole key.')

const tag = 'budgets'
const path = '/admin/budgets/:name'
const name = { path: readBudgetName.schema.properties }
const named = { ...readBudgetName.schema.properties, ...readBudget.schema.properties }
const Shown = Type.Object(named, { additionalProperties: false })
const Used = Type.Object({ ...named, ...budgetUse }, { additionalProperties: false })
const LIST = documented({ summary: 'All budgets', tag, answers: { 200: json(list('budgets', Used)) } })
const ONE = documented({
  summary: 'A budget, and who has used most of it',
  tag,
  ...name,
  answers: { 200: json(Used) },
  faults: ['not_found'],
})
const PUT = documented({
  summary: 'Make a budget, or change it',
  tag,
  ...name,
  body: json(readBudget.schema),
  answers: { 200: json(Shown, 'Changed.'), 201: json(Shown, 'Made.') },
  faults: ['invalid_body', 'unknown_tier', 'conflict'],
})
const DELETE = documented({
  summary: 'Take a budget away',
  tag,
  ...name,
  answers: { 204: EMPTY },
  faults: ['not_found'],
})

/** Budgets, with what is used of them in the running period as far as this node has read the log. */
export function routeBudgets(scope: FastifyInstance, deps: BudgetDeps): void {
  const view = (budget: Budget, maxHolders: number) => ({
    ...budgetBody(budget),
    ...useOf(reportOf(deps.budgets, budget.name, maxHolders, deps.epochMs())),
  })

  scope.get('/admin/budgets', LIST, async () => {
    const { budgets = [] } = await inTime(deps.readLimits())
    return { budgets: budgets.map(budget => view(budget, LISTED_HOLDERS)) }
  })

  scope.get<{ Params: { name: string } }>(path, ONE, async (request, reply) => {
    const found = findBudget(await inTime(deps.readLimits()), request.params.name)
    return found ? view(found, SHOWN_HOLDERS) : sendError(reply, NO_BUDGET)
  })

  scope.put<{ Params: { name: string } }>(path, PUT, async (request, reply) => {
    const named = readBudgetName(request.params)
    if (!named.ok) return sendError(reply, named.fault)
    const read = readBudget(request.body)
    if (!read.ok) return sendError(reply, read.fault)
    const budget = await withOneKey(deps, budgetOf(named.value.name, read.value))
    if (!budget.ok) return sendError(reply, budget.fault)
    let isNew = false
    const outcome = await orderLimits(deps, policy => {
      isNew = findBudget(policy, budget.value.name) === undefined
      return withBudget(policy, budget.value)
    })
    return send(reply, isNew ? 201 : 200, outcome, () => budgetBody(budget.value))
  })

  scope.delete<{ Params: { name: string } }>(path, DELETE, async (request, reply) => {
    const outcome = await orderLimits(deps, policy => withoutBudget(policy, request.params.name))
    return outcome.ok ? reply.code(204).send() : sendError(reply, outcome.fault)
  })
}

/** A budget of a single key names it as events do, however it was written. */
async function withOneKey({ accounts }: BudgetDeps, budget: Budget): Promise<Outcome<Budget>> {
  if (budget.each !== 'key' || budget.only === undefined) return done(budget)
  const [identity, ...others] = await accounts.resolve(budget.only)
  if (!identity || others.length > 0) return NO_KEY
  return done({ ...budget, only: identityText(identity) })
}

function useOf(report: BudgetReport | undefined) {
  // The node has not heard of a budget that was made this moment.
  if (!report) return { sums: { loaded: false, complete: false, as_of: null }, holders: 0, top: [] }
  const { loaded, complete, asOfMs, holders, top } = report
  const asOf = asOfMs > 0 ? new Date(asOfMs).toISOString() : null
  return { sums: { loaded, complete, as_of: asOf }, holders, top: top.map(holderView) }
}

function holderView({ holder, standing }: HolderReport) {
  const { used, held, startMs, endMs } = standing
  return {
    holder,
    used: { tokens: used.tokens, usd: shown('usd', used.micros) },
    held: { tokens: held.tokens, usd: shown('usd', held.micros) },
    period_start: new Date(startMs).toISOString(),
    period_end: new Date(endMs).toISOString(),
  }
}
