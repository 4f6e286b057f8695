import { createHmac } from 'node:crypto'
import type { FluxgateEvent } from '@fluxgate/contracts'

/** What people and their tools are told of an incident; `type` is such as `incident.opened`. */
export interface Notification {
  readonly id: string
  readonly type: string
  /** ISO 8601 */
  readonly timestamp: string
  readonly data: Readonly<Record<string, unknown>>
}

/** Undefined for what nobody need hear: a finding that joined an incident, and whatever is no fact of one. */
export function notificationOf(event: FluxgateEvent): Notification | undefined {
  switch (event.type) {
    case 'fluxgate.incidents.opened':
    case 'fluxgate.incidents.reported':
    case 'fluxgate.incidents.acknowledged':
    case 'fluxgate.incidents.closed': {
      const { id, type, time, data } = event
      return { id, type: `incident.${type.slice(type.lastIndexOf('.') + 1)}`, timestamp: time, data }
    }
    default:
      return undefined
  }
}

/** Headers of a signed webhook by the Standard Webhooks specification 1.0: HMAC SHA-256 over `id.timestamp.body`. */
export function webhookHeaders(
  secret: Uint8Array,
  id: string,
  timestampSeconds: number,
  body: string,
): Record<string, string> {
  const signature = createHmac('sha256', secret).update(`${id}.${timestampSeconds}.${body}`).digest('base64')
  return {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': `v1,${signature}`,
  }
}

const PREFIX = 'whsec_'
const BYTES = { min: 24, max: 64 }

/** `whsec_` and 24 to 64 bytes as Base64; undefined for anything else. */
export function webhookSecret(text: string): Uint8Array | undefined {
  if (!text.startsWith(PREFIX)) return undefined
  const secret = Buffer.from(text.slice(PREFIX.length), 'base64')
  const isWhole =
    secret.toString('base64').replace(/=+$/, '') === text.slice(PREFIX.length).replace(/=+$/, '')
  return isWhole && secret.length >= BYTES.min && secret.length <= BYTES.max ? secret : undefined
}
