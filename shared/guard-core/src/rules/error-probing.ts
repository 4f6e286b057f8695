import { STREAMS } from '@fluxgate/contracts'
import { positionAt } from '../place.ts'
import { RecentValues } from '../recent-values.ts'
import { identityOf, MAX_EVIDENCE, type Rule, type TimedEvent } from '../rule.ts'
import { SlidingWindow, slotMs } from '../sliding-window.ts'
import type { WholePolicy } from '../whole-policy.ts'
import { countOf } from './spending.ts'

const CALLS_SHAPE = { slots: 20, retainedPerSlot: 0 }
const ERRORS_SHAPE = { slots: 20, retainedPerSlot: 3 }
/** What a caller does wrong, and not what its limits, its key or we are the reason for. */
const PROBES: ReadonlySet<string> = new Set([
  ...['invalid_request', 'forbidden', 'not_found', 'too_large', 'unsupported', 'method_not_allowed'],
])

interface Probing {
  readonly calls: SlidingWindow
  errors: SlidingWindow | undefined
  /** Models that were asked for and are not served. */
  models: RecentValues | undefined
}

/** Errors and refusals that somebody provokes: models scanned one by one, storms of client errors. */
export const errorProbing: Rule<Probing> = {
  name: 'errorProbing',
  streams: [STREAMS.requests, STREAMS.refusals],

  keyOf: ({ event }) =>
    event.type === 'fluxgate.requests.completed' || event.type === 'fluxgate.requests.refused'
      ? event.subject
      : undefined,

  evolve(
    memory = { calls: new SlidingWindow(CALLS_SHAPE), errors: undefined, models: undefined },
    entry,
    policy,
  ) {
    const { windowMs } = policy.rules.errorProbing
    const { atMs, place } = entry
    const count = countOf(entry)
    memory.calls.add(atMs, count, place, windowMs)
    if (isError(entry)) {
      memory.errors ??= new SlidingWindow(ERRORS_SHAPE)
      memory.errors.add(atMs, count, place, windowMs)
      memory.models?.forgetBefore(atMs - windowMs)
    }
    const model = unknownModel(entry)
    if (model !== undefined) {
      memory.models ??= new RecentValues()
      memory.models.add(model, atMs, place, windowMs)
    }
    return memory
  },

  crossedBy(memory, entry, policy) {
    const { thresholdModels } = policy.rules.errorProbing
    if (!isError(entry)) return undefined
    const isScan = unknownModel(entry) !== undefined && memory.models!.size > thresholdModels
    return isScan || isStorm(memory, policy) ? identityOf(entry.event.data as never) : undefined
  },

  explain(memory, entry, policy) {
    const { windowMs, thresholdErrors, minShare, thresholdModels } = policy.rules.errorProbing
    const errors = memory.errors?.sum ?? 0
    const calls = memory.calls.sum
    const models = memory.models?.size ?? 0
    const stormy = isStorm(memory, policy)
    const scan = `${models} different models were asked for that are not served; the policy allows ${thresholdModels}.`
    const storm =
      `${errors} of ${calls} calls within ${windowMs / 1_000} s were answered with a client error; ` +
      `the policy allows ${thresholdErrors}, or a share below ${minShare}.`
    return {
      severity: stormy ? 'low' : 'medium',
      explanation: stormy ? storm : `Within ${windowMs / 1_000} s ${scan}`,
      numbers: { errors, calls, models, thresholdErrors, minShare, thresholdModels, windowMs },
      evidence: (stormy ? memory.errors!.largest(MAX_EVIDENCE) : memory.models!.places(MAX_EVIDENCE)).map(
        place => positionAt(entry.stream, place),
      ),
    }
  },

  isIdle: (memory, atMs) => memory.calls.isIdle(atMs),

  memoryMs(policy) {
    const { windowMs } = policy.rules.errorProbing
    return windowMs + slotMs(windowMs, CALLS_SHAPE)
  },
}

function isStorm({ errors, calls }: Probing, policy: WholePolicy): boolean {
  const { thresholdErrors, minShare } = policy.rules.errorProbing
  return errors !== undefined && errors.sum > thresholdErrors && errors.sum >= minShare * calls.sum
}

function isError({ event }: TimedEvent): boolean {
  if (event.type === 'fluxgate.requests.refused') return PROBES.has(event.data.reason)
  if (event.type !== 'fluxgate.requests.completed') return false
  const { status } = event.data
  return status >= 400 && status < 500 && status !== 429
}

function unknownModel({ event }: TimedEvent): string | undefined {
  return event.type === 'fluxgate.requests.refused' &&
    event.data.reason === 'not_found' &&
    event.data.model !== ''
    ? event.data.model
    : undefined
}
