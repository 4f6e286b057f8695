import { MAX_THROTTLE_SECONDS } from '@fluxgate/operations'
import { z } from 'zod'
import { type Backends, ToolError } from '../../backends/index.ts'
import { answered, defineTool, refusedOrder } from '../../calls/index.ts'
import { identityField, identityOf, throttleFields, throttleOf, throttleText } from '../../views/index.ts'

export const throttleIdentity = defineTool({
  name: 'throttle_identity',
  title: 'Throttle an identity',
  description:
    'Limits an identity to a small token bucket for a time, at every gateway within milliseconds, and records who did ' +
    'it and why. A throttle that is in force is replaced. Use it when traffic shows abuse that the guard has not ' +
    'caught, and a person has agreed; pardon_identity takes it back. dryRun shows what would be set and changes nothing.',
  effect: 'acts',
  order: 'throttle',
  input: z.strictObject({
    identity: identityField,
    capacity: z.number().min(0).max(1e9).describe('Tokens that may be used at once. 0 stops the identity.'),
    refillRate: z.number().min(0).max(1e9).describe('Tokens that come back each second.'),
    seconds: z.int().min(1).max(MAX_THROTTLE_SECONDS).describe('How long, in seconds; at most 31 days.'),
    endStreams: z.boolean().default(false).describe('End the streams that run now, too.'),
    reason: z.string().trim().min(3).max(256).describe('The reason; it stays in the log.'),
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

  async answer({ dryRun, ...order }, backends, { actor }) {
    const { identity } = order
    const now = backends.nowMs()
    const ordered = backends.orders.throttle(actor, order, { dryRun })
    const [hasTraffic, outcome] = await Promise.all([known(backends, identity), ordered])
    if (!outcome.ok) return refusedOrder(outcome, 'list_throttles shows who is throttled.')
    const { value } = outcome
    const throttle = throttleOf(identity, value.throttle)
    const replaced = value.replaced ? throttleOf(identity, value.replaced) : null
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
