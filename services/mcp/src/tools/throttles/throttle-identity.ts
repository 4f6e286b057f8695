import type { Throttle } from '@fluxgate/contracts'
import { z } from 'zod'
import { type Backends, ToolError } from '../../backends/index.ts'
import { answered, defineTool } from '../../calls/index.ts'
import { identityField, identityOf, throttleFields, throttleOf, throttleText } from '../../views/index.ts'

const MAX_SECONDS = 31 * 86_400

export const throttleIdentity = defineTool({
  name: 'throttle_identity',
  title: 'Throttle an identity',
  description:
    'Limits an identity to a small token bucket for a time, at every gateway within milliseconds, and records who did ' +
    'it and why. A throttle that is in force is replaced. Use it when traffic shows abuse that the guard has not ' +
    'caught, and a person has agreed; pardon_identity takes it back. dryRun shows what would be set and changes nothing.',
  effect: 'acts',
  input: z.strictObject({
    identity: identityField,
    capacity: z.number().min(0).max(1e9).describe('Tokens that may be used at once. 0 stops the identity.'),
    refillRate: z.number().min(0).max(1e9).describe('Tokens that come back each second.'),
    seconds: z.int().min(1).max(MAX_SECONDS).describe('How long, in seconds; at most 31 days.'),
    endStreams: z.boolean().default(false).describe('End the streams that run now, too.'),
    reason: z.string().trim().min(3).max(256).describe('Why; it stands in the log for good.'),
    dryRun: z.boolean().default(false).describe('Only show what would be set.'),
  }),
  output: z.object({
    throttled: z.boolean().describe('False in a dry run.'),
    throttle: z.object(throttleFields),
    replaced: z.object(throttleFields).nullable().describe('The throttle that was in force before.'),
    hasTraffic: z
      .boolean()
      .nullable()
      .describe('Whether any request of this identity is known; false may mean a mistyped identity.'),
  }),

  async answer({ identity, capacity, refillRate, seconds, endStreams, reason, dryRun }, backends, { actor }) {
    const owner = identityOf(identity)
    const now = backends.nowMs()
    const before = await backends.control.throttleOf(owner)
    const order: Throttle = {
      capacity,
      refillRate,
      reason,
      actor,
      imposedAt: now,
      until: now + seconds * 1_000,
      rule: 'manual',
      ...(endStreams ? { endStreams } : {}),
    }
    const ordered = dryRun ? undefined : backends.control.impose(owner, order)
    const [hasTraffic] = await Promise.all([known(backends, identity), ordered])
    const throttle = throttleOf(identity, order)
    const replaced = before && before.until > now ? throttleOf(identity, before) : null
    return answered({ throttled: !dryRun, throttle, replaced, hasTraffic }, [
      `${dryRun ? 'Would set' : 'Set, and recorded'}: ${throttleText(throttle, now)}`,
      ...(replaced ? [`It replaces: ${throttleText(replaced, now)}`] : []),
      ...(hasTraffic === false ? [`No request of ${identity} is known: see that the id is right.`] : []),
    ])
  },
})

async function known(backends: Backends, identity: string): Promise<boolean | null> {
  try {
    return await backends.tables.hasRequestsOf(identityOf(identity))
  } catch (error) {
    // An order must not wait for the tables to come back.
    if (error instanceof ToolError) return null
    throw error
  }
}
