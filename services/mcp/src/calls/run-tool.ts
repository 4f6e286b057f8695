import type { LinkLog } from '@fluxgate/nats'
import type { CallToolResult } from '@modelcontextprotocol/server'
import { type Backends, ToolError } from '../backends/index.ts'
import { spanText } from '../views/index.ts'
import { type BudgetLimits, CallBudget } from './call-budget.ts'
import { type LongCallLimits, LongCalls } from './long-calls.ts'
import type { OnProgress } from './progress.timer.ts'
import { type Caller, problem, type Tool, type ToolAnswer } from './tool.ts'

export interface CallLimits extends BudgetLimits, LongCallLimits {
  /** A call that takes longer is given up. */
  readonly callTimeoutMs: number
  /** The same for tools that read much of the log. */
  readonly longCallTimeoutMs: number
}

/** What a call knows of its client. */
export interface CallContext {
  /** Aborted when the client takes the call back or leaves. */
  readonly signal: AbortSignal
  readonly session: string | undefined
  readonly onProgress: OnProgress
}

type Outcome = 'answered' | 'problem' | 'refused' | 'fault' | 'timeout' | 'cancelled' | 'error'

/** Runs tools within a caller's budget and the time limit, and writes each call to the service's log. */
export class ToolRunner {
  readonly #backends: Backends
  readonly #limits: CallLimits
  readonly #log: LinkLog
  readonly #budget: CallBudget
  readonly #longCalls: LongCalls
  readonly #running = new Set<Promise<unknown>>()

  constructor(backends: Backends, limits: CallLimits, log: LinkLog) {
    this.#backends = backends
    this.#limits = limits
    this.#log = log
    this.#budget = new CallBudget(limits)
    this.#longCalls = new LongCalls(limits)
  }

  async run(tool: Tool, args: unknown, caller: Caller, context: CallContext): Promise<CallToolResult> {
    const startedMs = this.#backends.nowMs()
    const calling = this.#call(tool, args, caller, context)
    this.#running.add(calling)
    const { answer, outcome } = await calling.finally(() => this.#running.delete(calling))
    const durationMs = this.#backends.nowMs() - startedMs
    const entry = { tool: tool.name, actor: caller.name, outcome, durationMs }
    // What was ordered has to be found again; what was asked has not.
    this.#log.info(
      tool.annotations.readOnlyHint ? entry : { ...entry, args: redactedData(args) },
      'tool called',
    )
    return resultOf(answer)
  }

  /** Resolves when no call runs any more. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running)
  }

  async #call(tool: Tool, args: unknown, actor: Caller, context: CallContext): Promise<Called> {
    const session = context.session ?? actor.name
    const refusal = this.#admit(tool, actor, session)
    if (refusal !== undefined) return { answer: problem(refusal), outcome: 'refused' }
    const timeoutMs = tool.long ? this.#limits.longCallTimeoutMs : this.#limits.callTimeoutMs
    const timeout = AbortSignal.timeout(timeoutMs)
    const cancelled = context.signal
    const signal = AbortSignal.any([cancelled, timeout])
    try {
      const work = tool.answer(args, this.#backends, { actor, signal, onProgress: context.onProgress })
      // What was given up may still be on its way to its end: until then it holds its place.
      if (tool.long) this.#freePlaceAfter(work, session)
      const answer = await unlessAborted(work, signal)
      return { answer, outcome: answer.ok ? 'answered' : 'problem' }
    } catch (error) {
      const outcome = cancelled.aborted ? 'cancelled' : timeout.aborted ? 'timeout' : outcomeOf(error)
      if (outcome === 'fault' || outcome === 'error') {
        this.#log.warn({ err: error, tool: tool.name }, `tool failed: ${(error as Error).message}`)
      }
      return { answer: problem(failureText(tool, outcome, error, timeoutMs)), outcome }
    } finally {
      this.#budget.end(actor.name)
    }
  }

  /** Why the call may not run; undefined once it has its place, which its end gives back. */
  #admit(tool: Tool, actor: Caller, session: string): string | undefined {
    const admission = this.#budget.begin(actor.name, this.#backends.nowMs())
    if (!admission.ok) return refusalText(admission)
    const place = tool.long ? this.#longCalls.begin(session) : 'ok'
    if (place === 'ok') return undefined
    this.#budget.end(actor.name)
    return BUSY[place]
  }

  #freePlaceAfter(work: Promise<unknown>, session: string): void {
    const ended = work.then(
      () => {},
      () => {},
    )
    this.#running.add(ended)
    ended.then(() => {
      this.#running.delete(ended)
      this.#longCalls.end(session)
    })
  }
}

interface Called {
  readonly answer: ToolAnswer<Record<string, unknown>>
  readonly outcome: Outcome
}

const BUSY = {
  session: 'A long tool of this session runs already. Wait for its answer or cancel it, then try again.',
  all: 'As many long tools run as may. Try again in a minute; the other tools answer meanwhile.',
}

function resultOf(answer: ToolAnswer<Record<string, unknown>>): CallToolResult {
  if (!answer.ok) return { content: [{ type: 'text', text: redacted(answer.problem) }], isError: true }
  return {
    content: [{ type: 'text', text: redacted(answer.text) }],
    structuredContent: redactedData(answer.data),
  }
}

function outcomeOf(error: unknown): Outcome {
  return error instanceof ToolError ? 'fault' : 'error'
}

function refusalText(admission: { reason: 'rate'; retryAfterMs: number } | { reason: 'running' }): string {
  return admission.reason === 'rate'
    ? `Too many calls. Wait ${spanText(Math.max(1_000, admission.retryAfterMs))}, then try again; ask for more in one call.`
    : 'Too many calls run beside each other. Wait for their answers, then try again.'
}

/** What broke inside is for the log alone. */
function failureText(tool: Tool, outcome: Outcome, error: unknown, timeoutMs: number): string {
  if (outcome === 'fault') return (error as ToolError).message
  if (outcome !== 'timeout') return `${tool.name} failed: internal error. See the MCP server log.`
  const late = `${tool.name} took longer than ${spanText(timeoutMs)} and was given up.`
  return tool.annotations.readOnlyHint
    ? `${late} Ask for less: a shorter window or fewer rows.`
    : `${late} The order may be in force all the same: look with list_throttles or get_incident before you repeat it.`
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const onAbort = () => aborted.reject(signal.reason)
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  return Promise.race([work, aborted.promise]).finally(() => signal.removeEventListener('abort', onAbort))
}

/**
 * What opens doors, by its form: keys of ours and of model vendors, signed tokens, password hashes. None of it belongs
 * in the log; but a client can put its key where a model's name should be, and the log takes that for a name.
 */
const SECRETS =
  /sk_live_[\w-]{8,}|\bsk-[\w-]{16,}|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}|\$argon2[a-z]{1,2}\$[\w$=,+/.-]{8,}/g

export function redacted(text: string): string {
  return text.replace(SECRETS, '[removed: a secret]')
}

/** The same for all texts in a value that is JSON. */
export function redactedData<T>(data: T): T {
  return JSON.parse(redacted(JSON.stringify(data)))
}
