import { type GatewayNode, type GuardPolicy, MINUTE_MS } from '@fluxgate/contracts'
import { RULE_STREAMS, wholePolicy } from '@fluxgate/guard-core'
import { z } from 'zod'
import { type Backends, type Call, peakUse, type ThrottleEntry, ToolError } from '../../backends/index.ts'
import { answered, defineTool } from '../../calls/index.ts'
import { identityField, identityOf, isoTime, throttleOf, throttlesInForce } from '../../views/index.ts'
import { guardStateOutput, type OneIdentity } from './guard-state.ts'
import { guardStateText } from './guard-state-text.ts'

const SHOWN_THROTTLES = 20
const MAX_COMPARED = 1_000
/** A leader renews several times a second, unless it was told otherwise. */
const SILENT_MS = 5_000

export const debugGuardState = defineTool({
  name: 'debug_guard_state',
  title: 'State of the guard',
  description:
    'What the guard works with, live: which guard leads and how far behind the log it is, the policy in force, the ' +
    'penalty box, the gateways that obey it, and where box and tables disagree. With an identity also its tokens from ' +
    'the log and its worst window against the threshold. Use it to explain why somebody is (not) throttled, or ' +
    'whether the guard runs and is set as meant.',
  effect: 'reads',
  input: z.strictObject({
    identity: identityField.optional(),
    lookBackMinutes: z.int().min(1).max(1_440).default(15).describe('For the identity; default 15.'),
  }),
  output: guardStateOutput,

  async answer({ identity, lookBackMinutes }, backends, call) {
    const { live } = backends
    const [box, inForcePolicy, nodes, guard] = await Promise.all([
      live.throttles(call.signal),
      live.guardPolicy(),
      live.nodes(call.signal),
      guardOf(backends),
    ])
    const now = backends.nowMs()
    const inForce = throttlesInForce(box, now)
    const { policy } = inForcePolicy
    const data = {
      readAt: isoTime(now),
      guard,
      policy: {
        source: inForcePolicy.source === 'stored' ? ('bucket' as const) : ('environment' as const),
        revision: inForcePolicy.revision,
        contextFlood: policy.rules.contextFlood,
        penalty: policy.penalty,
        rules: wholePolicy(policy).rules,
        graceMs: policy.graceMs,
      },
      inForce: inForce.length,
      ended: box.length - inForce.length,
      newest: inForce.slice(0, SHOWN_THROTTLES).map(entry => throttleOf(entry.identity, entry.throttle)),
      gateways: nodes.map(node => gatewayOf(node, now)),
      drift: await compared(backends, inForce),
      identity:
        identity === undefined
          ? null
          : await aboutOne(backends, call, { identity, lookBackMinutes, inForce, policy }),
    }
    return answered(data, guardStateText(data, now))
  },
})

async function guardOf(backends: Backends) {
  const [lease, heads] = await Promise.all([
    backends.live.guardLease(),
    backends.log.heads([...RULE_STREAMS]),
  ])
  if (!lease) return null
  const ageMs = Math.max(0, backends.nowMs() - lease.renewedAt)
  return {
    holder: lease.holder,
    term: lease.term,
    renewedAgoMs: ageMs,
    sequence: lease.sequence,
    leads: lease.holder !== '' && ageMs < SILENT_MS,
    behindEvents: behindOf(lease.positions, heads),
  }
}

/** Events of all streams that the guard reads which it has not decided about. */
function behindOf(
  positions: ReadonlyMap<string, number>,
  heads: ReadonlyMap<string, number> | undefined,
): number | null {
  if (!heads || positions.size === 0) return null
  let behind = 0
  for (const [stream, head] of heads) behind += Math.max(0, head - (positions.get(stream) ?? head))
  return behind
}

interface Asked {
  readonly identity: string
  readonly lookBackMinutes: number
  readonly inForce: readonly ThrottleEntry[]
  readonly policy: GuardPolicy
}

async function aboutOne(backends: Backends, { signal }: Call, asked: Asked): Promise<OneIdentity> {
  const { identity, lookBackMinutes, inForce, policy } = asked
  const { windowMs, thresholdTokens } = policy.rules.contextFlood
  const fromMs = backends.nowMs() - lookBackMinutes * MINUTE_MS
  const { items, cut } = await backends.log.tokenUses(identityOf(identity), fromMs, signal)
  const peak = peakUse(items, windowMs)
  const entry = inForce.find(each => each.identity === identity)
  return {
    identity,
    lookBackMinutes,
    cut,
    events: items.length,
    throttle: entry ? throttleOf(identity, entry.throttle) : null,
    tokens: items.reduce((sum, { tokens }) => sum + tokens, 0),
    peak: peak
      ? { at: isoTime(peak.atMs), tokens: peak.tokens, allowance: Math.round(peak.allowance), windowMs }
      : null,
    overThreshold: peak ? peak.tokens - peak.allowance > thresholdTokens : false,
  }
}

async function compared(backends: Backends, inForce: readonly ThrottleEntry[]) {
  try {
    const active = await backends.tables.activeThrottles(backends.nowMs(), MAX_COMPARED)
    return drift(
      inForce.map(({ identity }) => identity),
      active.map(({ userId, keyId }) => `${userId}.${keyId}`),
      MAX_COMPARED,
    )
  } catch (error) {
    // What the guard knows does not depend on the tables.
    if (error instanceof ToolError) return null
    throw error
  }
}

function gatewayOf({ node, address, port, started, heartbeat }: GatewayNode, nowMs: number) {
  return {
    node,
    address: `${address}:${port}`,
    startedAt: isoTime(started),
    heartbeatAgeMs: Math.max(0, nowMs - heartbeat),
  }
}

interface Drift {
  readonly onlyInBucket: string[]
  readonly onlyInTables: string[]
}

/** Identities that one knows and the other does not. Lists that may have been cut at `max` tell nothing: none then. */
export function drift(bucket: readonly string[], tables: readonly string[], max: number): Drift | null {
  if (bucket.length >= max || tables.length >= max) return null
  const inBucket = new Set(bucket)
  const inTables = new Set(tables)
  return {
    onlyInBucket: bucket.filter(identity => !inTables.has(identity)),
    onlyInTables: tables.filter(identity => !inBucket.has(identity)),
  }
}
