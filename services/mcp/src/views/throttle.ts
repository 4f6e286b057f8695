import type { Throttle } from '@fluxgate/contracts'
import type { ThrottleRecord } from '@fluxgate/read-model'
import { z } from 'zod'
import { timeField } from './fields.ts'
import { isoTime, isoTimeOrNull, quoted, spanText } from './text.ts'

export const throttleFields = {
  identity: z.string(),
  capacity: z.number().describe('Tokens.'),
  refillRate: z.number().describe('Tokens per second.'),
  imposedAt: timeField,
  until: timeField,
  endStreams: z.boolean().describe('Streams that ran when it came were ended too.'),
  reason: z.string(),
  rule: z.string(),
  actor: z.string().describe('Who imposed it: guard, admin, operator:<user>, mcp:<user>.'),
  incident: z.string().nullable(),
}

export const pastThrottleFields = {
  ...throttleFields,
  state: z.enum(['active', 'replaced', 'pardoned', 'expired']),
  endedAt: timeField.nullable(),
  endedBy: z.string().nullable(),
  endReason: z.string().nullable(),
}

export function throttleOf(identity: string, throttle: Throttle) {
  return {
    identity,
    capacity: throttle.capacity,
    refillRate: throttle.refillRate,
    imposedAt: isoTime(throttle.imposedAt),
    until: isoTime(throttle.until),
    endStreams: throttle.endStreams ?? false,
    reason: throttle.reason,
    rule: throttle.rule,
    actor: throttle.actor,
    incident: throttle.incident ?? null,
  }
}

export function pastThrottleOf(record: ThrottleRecord) {
  const { incidentId, ...throttle } = record
  return {
    ...throttleOf(`${record.userId}.${record.keyId}`, throttle),
    incident: incidentId,
    state: record.state,
    endedAt: isoTimeOrNull(record.endedAt),
    endedBy: record.endedBy,
    endReason: record.endReason,
  }
}

export function throttleText(throttle: ReturnType<typeof throttleOf>, nowMs: number): string {
  const leftMs = Date.parse(throttle.until) - nowMs
  const left = leftMs > 0 ? `for another ${spanText(leftMs)}` : 'ended'
  const incident = throttle.incident === null ? '' : `, incident ${throttle.incident}`
  return (
    `${throttle.identity}: ${throttle.capacity} tokens, ${throttle.refillRate}/s, until ${throttle.until} (${left}), ` +
    `by ${throttle.actor} (${throttle.rule})${incident}. ${quoted(throttle.reason)}`
  )
}
