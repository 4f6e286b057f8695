import type { LinkLog } from '@fluxgate/nats'
import type { CallToolResult } from '@modelcontextprotocol/server'
import { type Answer, problem } from '../core/answer.ts'
import { type BudgetLimits, CallBudget } from '../core/call-budget.ts'
import type { Caller } from '../core/caller.ts'
import type { Desk } from '../core/desk.ts'
import { Fault } from '../core/fault.ts'
import { spanText } from '../core/words.ts'
import type { Tool } from './tool.ts'

export interface CallLimits extends BudgetLimits {
  /** A call that takes longer is given up. */
  readonly callTimeoutMs: number
}

export interface ToolRunner {
  run(tool: Tool, args: unknown, caller: Caller, signal: AbortSignal): Promise<CallToolResult>
  /** Resolves when no call runs any more. */
  idle(): Promise<void>
}

type Outcome = 'answered' | 'problem' | 'refused' | 'fault' | 'timeout' | 'cancelled' | 'error'

/** Runs tools within a caller's budget and the time limit, and tells each call in the log. */
export function toolRunner(desk: Desk, limits: CallLimits, log: LinkLog): ToolRunner {
  const budget = new CallBudget(limits)
  const running = new Set<Promise<unknown>>()

  async function call(tool: Tool, args: unknown, { actor }: Caller, cancelled: AbortSignal) {
    const admission = budget.begin(actor, desk.nowMs())
    if (!admission.ok) return { answer: problem(refusalText(admission)), outcome: 'refused' as const }
    const timeout = AbortSignal.timeout(limits.callTimeoutMs)
    const signal = AbortSignal.any([cancelled, timeout])
    try {
      const answer = await unlessAborted(tool.answer(args, desk, { actor, signal }), signal)
      return { answer, outcome: answer.ok ? ('answered' as const) : ('problem' as const) }
    } catch (error) {
      const outcome = cancelled.aborted ? 'cancelled' : timeout.aborted ? 'timeout' : outcomeOf(error)
      if (outcome === 'fault' || outcome === 'error') {
        log.warn({ err: error, tool: tool.name }, `tool failed: ${(error as Error).message}`)
      }
      return { answer: problem(failureText(tool, outcome, error, limits)), outcome }
    } finally {
      budget.end(actor)
    }
  }

  return {
    async run(tool, args, caller, signal) {
      const startedMs = performance.now()
      const calling = call(tool, args, caller, signal)
      running.add(calling)
      const { answer, outcome } = await calling
      running.delete(calling)
      log.info(
        {
          ...{ tool: tool.name, actor: caller.actor, outcome },
          durationMs: Math.round(performance.now() - startedMs),
          // What was ordered has to be found again; what was asked has not.
          ...(tool.annotations.readOnlyHint ? {} : { args }),
        },
        'tool called',
      )
      return resultOf(answer)
    },
    async idle() {
      while (running.size > 0) await Promise.allSettled(running)
    },
  }
}

function resultOf(answer: Answer<Record<string, unknown>>): CallToolResult {
  if (!answer.ok) return { content: [{ type: 'text', text: answer.problem }], isError: true }
  return { content: [{ type: 'text', text: answer.text }], structuredContent: answer.data }
}

function outcomeOf(error: unknown): Outcome {
  return error instanceof Fault ? 'fault' : 'error'
}

function refusalText(admission: { reason: 'rate'; retryAfterMs: number } | { reason: 'running' }): string {
  return admission.reason === 'rate'
    ? `Too many calls. Wait ${spanText(Math.max(1_000, admission.retryAfterMs))}, then try again; ask for more in one call.`
    : 'Too many calls run beside each other. Wait for their answers, then try again.'
}

/** What broke inside is for the log alone. */
function failureText(tool: Tool, outcome: Outcome, error: unknown, limits: CallLimits): string {
  if (outcome === 'fault') return (error as Fault).message
  if (outcome !== 'timeout') return `${tool.name} failed for a reason inside the server; its log tells why.`
  const late = `${tool.name} took longer than ${spanText(limits.callTimeoutMs)} and was given up.`
  return tool.annotations.readOnlyHint
    ? `${late} Ask for less: a shorter window or fewer rows.`
    : `${late} The order may be in force all the same: look with list_throttles before you repeat it.`
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const onAbort = () => aborted.reject(signal.reason)
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  return Promise.race([work, aborted.promise]).finally(() => signal.removeEventListener('abort', onAbort))
}
