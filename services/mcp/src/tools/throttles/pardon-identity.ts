import { z } from 'zod'
import { answered, defineTool, refusedOrder } from '../../calls/index.ts'
import {
  identityField,
  isoTime,
  throttleFields,
  throttleOf,
  throttleText,
  timeField,
} from '../../views/index.ts'

export const pardonIdentity = defineTool({
  name: 'pardon_identity',
  title: 'Pardon an identity',
  description:
    'Ends the throttle of an identity before its time, at every gateway within milliseconds, and records who did it ' +
    'and why. Use it only when get_incident or debug_guard_state shows that the throttle is not deserved (any more), ' +
    'and a person has agreed. dryRun shows what would be lifted and changes nothing.',
  effect: 'setsRight',
  order: 'pardon',
  input: z.strictObject({
    identity: identityField,
    reason: z.string().trim().min(3).max(256).describe('The reason; it stays in the log.'),
    dryRun: z.boolean().default(false).describe('Only show the throttle that would be lifted.'),
  }),
  output: z.object({
    identity: z.string(),
    pardoned: z.boolean().describe('False in a dry run.'),
    throttle: z.object(throttleFields).describe('What was (or would be) lifted.'),
    actor: z.string(),
    at: timeField,
  }),

  async answer({ identity, reason, dryRun }, backends, { actor }) {
    const now = backends.nowMs()
    const outcome = await backends.orders.pardon(actor, identity, reason, { dryRun })
    if (!outcome.ok) return refusedOrder(outcome, 'list_throttles shows who is throttled.')
    const throttle = throttleOf(identity, outcome.value.throttle)
    const data = { identity, pardoned: !dryRun, throttle, actor: actor.name, at: isoTime(now) }
    return answered(data, `${dryRun ? 'Would lift' : 'Lifted, and recorded'}: ${throttleText(throttle, now)}`)
  },
})
