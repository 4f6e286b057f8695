import { z } from 'zod'
import { answered, defineTool, problem } from '../../calls/index.ts'
import {
  identityField,
  identityOf,
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
  input: z.strictObject({
    identity: identityField,
    reason: z.string().trim().min(3).max(256).describe('Why; it stands in the log for good.'),
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
    const owner = identityOf(identity)
    const now = backends.nowMs()
    const found = await backends.control.throttleOf(owner)
    if (!found || found.until <= now) return notThrottled(identity)
    const throttle = throttleOf(identity, found)
    const data = { identity, throttle, actor, at: isoTime(now) }
    if (dryRun) {
      return answered({ ...data, pardoned: false }, `Would lift: ${throttleText(throttle, now)}`)
    }
    if (!(await backends.control.pardon(owner, actor, reason))) return notThrottled(identity)
    return answered({ ...data, pardoned: true }, `Lifted, and recorded: ${throttleText(throttle, now)}`)
  },
})

function notThrottled(identity: string) {
  return problem(`${identity} is not throttled, so there is nothing to pardon. list_throttles shows who is.`)
}
