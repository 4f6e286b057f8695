import { quoted, spanText, throttleText } from '../../views/index.ts'
import type { GuardState, OneIdentity } from './guard-state.ts'

/** The state of the guard in words. */
export function guardStateText(state: GuardState, nowMs: number): string[] {
  const { drift } = state
  const gateways = state.gateways.map(
    ({ node, address, heartbeatAgeMs }) => `${node} ${address} (seen ${spanText(heartbeatAgeMs)} ago)`,
  )
  return [
    guardText(state.guard),
    policyText(state.policy),
    `${state.inForce} identities throttled, ${state.ended} ended throttles still in the bucket.`,
    ...state.newest.map(throttle => `- ${throttleText(throttle, nowMs)}`),
    `${gateways.length} gateways: ${gateways.join(', ') || 'none'}`,
    drift
      ? `Only in the bucket: ${drift.onlyInBucket.join(', ') || 'none'}; only in the tables: ${drift.onlyInTables.join(', ') || 'none'}.`
      : 'Box and tables could not be compared.',
    ...(state.identity ? [identityText(state.identity)] : []),
  ]
}

function guardText(guard: GuardState['guard']): string {
  if (!guard) return 'No guard has ever led: does one run?'
  const { holder, term, leads, renewedAgoMs, behindEvents } = guard
  if (holder === '') return `No guard leads: the last one went ${spanText(renewedAgoMs)} ago (term ${term}).`
  const behind = behindEvents === null ? '' : `, ${behindEvents} events behind the log`
  return leads
    ? `Guard ${quoted(holder)} leads (term ${term})${behind}.`
    : `Guard ${quoted(holder)} was to lead (term ${term}), but has not been heard of for ${spanText(renewedAgoMs)}${behind}.`
}

function policyText({ source, revision, contextFlood, penalty, graceMs }: GuardState['policy']): string {
  const from =
    source === 'bucket' ? `Policy, revision ${revision}` : 'No policy is stored; by the environment'
  return (
    `${from}: context flood ${contextFlood.enabled ? 'on' : 'OFF'}, more than ${contextFlood.thresholdTokens} tokens ` +
    `beyond the allowance in ${spanText(contextFlood.windowMs)}; penalty ${penalty.capacity} tokens, ` +
    `${penalty.refillRate}/s for ${spanText(penalty.durationMs)}; grace after a pardon ${spanText(graceMs)}.`
  )
}

function identityText(one: OneIdentity): string {
  const peak = one.peak
    ? `; worst ${spanText(one.peak.windowMs)}: ${one.peak.tokens} tokens (${one.peak.allowance} allowed) at ${one.peak.at}, ` +
      `${one.overThreshold ? 'over' : 'within'} the threshold`
    : ''
  return (
    `${one.identity}: ${one.throttle ? 'throttled' : 'not throttled'}; ${one.tokens} tokens in ${one.events} events in ` +
    `the last ${one.lookBackMinutes} min${peak}${one.cut ? ' (not all events could be read)' : ''}.`
  )
}
