import { type GuardPolicy, STREAMS } from '@fluxgate/contracts'
import type { Decision, Fold } from '@fluxgate/guard-core'
import { type EventBatch, follow, type NatsLink } from '@fluxgate/nats'
import type { Position } from '../core/position.ts'
import type { Restored } from './restore.ts'

/** Events folded before their decisions are carried out, at the most: about a millisecond of folding. */
const MAX_BATCH = 256

export interface LiveHooks {
  /** Asked again after every wait: once false nothing is folded any more. */
  leads(): boolean
  policy(): GuardPolicy
  /**
   * Resolves when the decision is carried out, or when this process leads no more.
   * @param again true when a leader before us may have decided it
   */
  carryOut(decision: Decision, again: boolean): Promise<void>
  /** A batch is folded, and all that followed from it is done. */
  folded(batch: EventBatch, position: Position, decisions: number): void
}

/** Follows the log from where it was restored to, and decides. */
export function followLog(link: NatsLink, fold: Fold, restored: Restored, hooks: LiveHooks): AsyncDisposable {
  async function takeTokens(batch: EventBatch): Promise<void> {
    if (!hooks.leads()) return
    const policy = hooks.policy()
    const decisions: Decision[] = []
    for (const fact of batch.events) {
      for (const decision of fold.fold(fact, policy)) decisions.push(decision)
    }
    if (decisions.length > 0) {
      await Promise.all(
        decisions.map(decision => hooks.carryOut(decision, decision.sequence <= restored.headSequence)),
      )
      if (!hooks.leads()) return
    }
    const position = { sequence: batch.lastSequence, storedAtMs: batch.lastStoredAtMs }
    hooks.folded(batch, position, decisions.length)
  }

  const stack = new AsyncDisposableStack()
  const name = 'guard'
  stack.use(
    follow(
      link,
      { name, stream: STREAMS.throttles, from: { sequence: restored.throttlesHead + 1 } },
      async batch => {
        for (const fact of batch.events) fold.hold(fact, hooks.policy())
      },
    ),
  )
  const from = { sequence: restored.position.sequence + 1 }
  stack.use(follow(link, { name, stream: STREAMS.tokens, from, maxBatch: MAX_BATCH }, takeTokens))
  return stack
}
