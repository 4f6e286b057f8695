import Type from 'typebox'
import { defineEvent } from '../envelope.ts'
import { LogPosition } from '../log-event.ts'
import { Actor, EpochMs, IncidentId, identityFields, LongText, record, ShortText } from './fields.ts'
import { Severity } from './incidents.ts'

/** A penalty-box limit was put on an identity. */
export const ThrottleImposed = defineEvent(
  'throttles',
  'imposed',
  2,
  record({
    ...identityFields,
    capacity: Type.Number({ minimum: 0 }),
    refillRate: Type.Number({ minimum: 0 }),
    until: EpochMs,
    reason: ShortText,
    rule: ShortText,
    actor: Actor,
    /** Streams that run when it arrives are ended too. */
    endStreams: Type.Optional(Type.Boolean()),
    incident: Type.Optional(IncidentId),
  }),
)
/** A throttle ended before its time, by a person or a service. */
export const ThrottlePardoned = defineEvent(
  'throttles',
  'pardoned',
  1,
  record({ ...identityFields, actor: Actor, reason: ShortText, incident: Type.Optional(IncidentId) }),
)
/** A throttle reached its `until`. */
export const ThrottleExpired = defineEvent(
  'throttles',
  'expired',
  1,
  record({ ...identityFields, until: EpochMs, incident: Type.Optional(IncidentId) }),
)

/** What the guard's shadow policy would have done. Nothing was: neither a throttle nor an incident followed from it. */
export const ThrottleShadowed = defineEvent(
  'throttles',
  'shadowed',
  2,
  record({
    ...identityFields,
    /** The incident that it would have been. */
    incident: IncidentId,
    rule: ShortText,
    severity: Severity,
    explanation: LongText,
    numbers: Type.Record(Type.String({ maxLength: 64 }), Type.Number()),
    evidence: Type.Array(LogPosition, { maxItems: 50 }),
    action: Type.Union([Type.Literal('observe'), Type.Literal('throttle'), Type.Literal('block')]),
    /** Of the throttle, when the action is one. */
    capacity: Type.Optional(Type.Number({ minimum: 0 })),
    refillRate: Type.Optional(Type.Number({ minimum: 0 })),
    /** Until when the rule would have left the identity alone. */
    until: EpochMs,
  }),
)
