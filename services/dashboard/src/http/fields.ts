import { Throttle } from '@fluxgate/contracts'

/** What several routes take. Reasons of throttles are shorter than those of other orders: their facts hold less. */
export const throttleReason = { ...Throttle.properties.reason, minLength: 1 }
export const orderText = { type: 'string', minLength: 1, maxLength: 4_000 }
export const identityText = { type: 'string', maxLength: 129 }
export const userId = { type: 'string', pattern: '^[A-Za-z0-9_-]{1,64}$' }

/** An object with these fields; the others may be there too, where `optional` names them. */
export function body(properties: Record<string, object>, optional: Record<string, object> = {}) {
  return {
    type: 'object',
    properties: { ...properties, ...optional },
    required: Object.keys(properties),
    additionalProperties: false,
  }
}
