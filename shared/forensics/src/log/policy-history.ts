import { BUCKETS, jsonParser, LimitsPolicy } from '@fluxgate/contracts'
import type { NatsLink } from '@fluxgate/nats'

const STREAM = `KV_${BUCKETS.policy}`
const LIMITS = `$KV.${BUCKETS.policy}.limits`
const parseLimits = jsonParser(LimitsPolicy)

/**
 * The tiers and overrides that stood in bucket `policy` at a time (epoch milliseconds), as far as its history reaches
 * back; undefined when there were none. Revisions that cannot be read are passed over, as gateways do.
 */
export async function limitsAt(link: NatsLink, atMs: number): Promise<LimitsPolicy | undefined> {
  let found: LimitsPolicy | undefined
  const { state } = await link.manager.streams.info(STREAM)
  for (let revision = state.first_seq; revision <= state.last_seq; revision++) {
    const message = await link.manager.streams.getMessage(STREAM, { seq: revision }).catch(() => undefined)
    if (message?.subject !== LIMITS || message.time.getTime() > atMs) continue
    if (message.header?.get('KV-Operation')) {
      found = undefined
      continue
    }
    const parsed = parseLimits(message.data)
    if (parsed.ok) found = parsed.value
  }
  return found
}
