import { join } from 'node:path'
import { type GuardPolicy, Prices } from '@fluxgate/contracts'
import { type BudgetFollower, openBudgets } from './budgets/index.ts'
import { type GossipFigures, joinGossip, LimitTable } from './limits/index.ts'
import { watchPolicy } from './policy/index.ts'
import type { EventLog, NodeContext } from './start-log.ts'

/** What callers are held to: buckets shared by gossip, budgets summed from the log, prices; as the policy says. */
export interface Limits extends AsyncDisposable {
  readonly table: LimitTable
  readonly budgets: BudgetFollower
  readonly prices: Prices
  readonly gossip: () => GossipFigures
}

const FORGET_EVERY_MS = 60_000

/** @param onGuard called with the guard's policy, which names addresses */
export async function startLimits(
  { config, boot, log, nowMs, epochMs }: NodeContext,
  { link, append, make }: EventLog,
  onGuard: (policy: GuardPolicy | undefined) => void,
): Promise<Limits> {
  await using stack = new AsyncDisposableStack()
  const { node, dataDir, limits } = config
  const table = new LimitTable()
  const prices = new Prices()
  const path = join(dataDir, 'budgets', `${node}.jsonl`)
  const budgets = stack.use(await openBudgets(link, { path, limits, append, make, epochMs, log }))
  const listener = {
    onLimits: (policy: Parameters<LimitTable['setPolicy']>[0]) => {
      table.setPolicy(policy, nowMs())
      budgets.setBudgets(policy?.budgets ?? [])
    },
    onPrices: prices.setList.bind(prices),
    onGuard,
  }
  stack.use(await watchPolicy(link, listener))
  const gossip = stack.use(await joinGossip(link, { node, boot }, table, nowMs, limits.gossipIntervalMs))
  const timer = setInterval(() => table.forget(nowMs(), epochMs()), FORGET_EVERY_MS)
  stack.defer(() => clearInterval(timer))
  const owned = stack.move()
  return {
    table,
    budgets,
    prices,
    gossip: () => gossip.figures(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
