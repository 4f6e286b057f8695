import { join } from 'node:path'
import { type EventMaker, type GuardPolicy, type OutgoingEvent, Prices } from '@fluxgate/contracts'
import type { NatsLink } from '@fluxgate/nats'
import type { Log } from '@fluxgate/runtime'
import { type BudgetFollower, type BudgetLimits, openBudgets } from './budgets/index.ts'
import { type GossipFigures, joinGossip, LimitTable } from './limits/index.ts'
import { watchPolicy } from './policy/index.ts'

export interface LimitTools {
  readonly node: string
  readonly boot: string
  readonly dataDir: string
  readonly limits: BudgetLimits & { readonly gossipIntervalMs: number }
  readonly append: (event: OutgoingEvent) => void
  readonly make: EventMaker
  readonly nowMs: () => number
  readonly epochMs: () => number
  /** Called with the guard's policy, which names addresses. */
  readonly onGuard: (policy: GuardPolicy | undefined) => void
  readonly log: Log
}

/** What callers are held to: buckets shared by gossip, budgets summed from the log, prices; as the policy says. */
export interface Limits extends AsyncDisposable {
  readonly table: LimitTable
  readonly budgets: BudgetFollower
  readonly prices: Prices
  readonly gossip: () => GossipFigures
}

const FORGET_EVERY_MS = 60_000

export async function openLimits(link: NatsLink, tools: LimitTools): Promise<Limits> {
  await using stack = new AsyncDisposableStack()
  const { node, boot, dataDir, limits, append, make, nowMs, epochMs, onGuard, log } = tools
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
  return { table, budgets, prices, gossip: gossip.figures, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
