import { z } from 'zod'
import { answered, problem } from '../../core/answer.ts'
import { isoTime } from '../../core/words.ts'
import { identityField, identityOf, timeField } from '../fields.ts'
import { throttleFields, throttleOf, throttleText } from '../throttle.ts'
import { defineTool } from '../tool.ts'

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

  async answer({ identity, reason, dryRun }, desk, { actor }) {
    const owner = identityOf(identity)
    const now = desk.nowMs()
    const found = await desk.control.throttleOf(owner)
    if (!found || found.until <= now) return notThrottled(identity)
    const throttle = throttleOf(identity, found)
    const data = { identity, throttle, actor, at: isoTime(now) }
    if (dryRun) {
      return answered({ ...data, pardoned: false }, `Would lift: ${throttleText(throttle, now)}`)
    }
    if (!(await desk.control.pardon(owner, actor, reason))) return notThrottled(identity)
    return answered({ ...data, pardoned: true }, `Lifted, and recorded: ${throttleText(throttle, now)}`)
  },
})

function notThrottled(identity: string) {
  return problem(`${identity} is not throttled, so there is nothing to pardon. list_throttles shows who is.`)
}
