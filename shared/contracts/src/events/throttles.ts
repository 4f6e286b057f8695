import Type from 'typebox'
import { defineEvent } from '../envelope.ts'
import { Actor, EpochMs, IncidentId, identityFields, record, ShortText } from './fields.ts'

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
