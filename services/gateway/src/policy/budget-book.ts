import type { Budget, LimitsPolicy } from '@fluxgate/contracts'
import { done, type Outcome, refused } from '../http/index.ts'
import { isTierDefined, unknownTier } from './tier-book.ts'

/** The contract's limit of the list. */
const MAX_BUDGETS = 1_000
const USER = /^[A-Za-z0-9_-]{1,64}$/

export function findBudget(policy: LimitsPolicy, name: string): Budget | undefined {
  return policy.budgets?.find(budget => budget.name === name)
}

/** The policy with this budget in place of the one of its name. */
export function withBudget(policy: LimitsPolicy, budget: Budget): Outcome<LimitsPolicy> {
  const fault = errorOf(policy, budget)
  if (fault) return fault
  const budgets = policy.budgets ?? []
  const at = budgets.findIndex(({ name }) => name === budget.name)
  if (at !== -1) return done({ ...policy, budgets: budgets.with(at, budget) })
  if (budgets.length >= MAX_BUDGETS) return refused('conflict', `There are ${MAX_BUDGETS} budgets already.`)
  return done({ ...policy, budgets: [...budgets, budget] })
}

export function withoutBudget(policy: LimitsPolicy, name: string): Outcome<LimitsPolicy> {
  const budgets = policy.budgets ?? []
  const rest = budgets.filter(budget => budget.name !== name)
  return rest.length < budgets.length
    ? done({ ...policy, budgets: rest })
    : refused('not_found', 'There is no such budget.')
}

function errorOf(policy: LimitsPolicy, { each, only, tokens, usd, action, status }: Budget) {
  const invalid = (message: string) => refused('invalid_body', message)
  if (tokens === undefined && usd === undefined) return invalid('A budget needs tokens, usd, or both.')
  if (status !== undefined && action !== 'refuse') return invalid('Only a budget that refuses has a status.')
  if (only === undefined) return undefined
  if (each === 'all') return invalid('A budget of all has no only.')
  if (each === 'user' && !USER.test(only)) return invalid('only must be a user id.')
  if (each === 'tier' && !isTierDefined(policy, only)) return unknownTier(only)
  return undefined
}
