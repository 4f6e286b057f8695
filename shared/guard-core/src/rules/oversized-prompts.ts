import { STREAMS } from '@fluxgate/contracts'
import { identityOf } from '../rule.ts'
import { countingRule } from './counting-rule.ts'

/** Prompts beyond a size, one after another, and bodies that no gateway takes. */
export const oversizedPrompts = countingRule({
  name: 'oversizedPrompts',
  streams: [STREAMS.requests, STREAMS.refusals],
  severity: 'medium',
  keyOf({ event }, policy) {
    if (event.type === 'fluxgate.requests.admitted') {
      return event.data.promptEstimate > policy.rules.oversizedPrompts.promptTokens
        ? event.subject
        : undefined
    }
    return event.type === 'fluxgate.requests.refused' && event.data.reason === 'too_large'
      ? event.subject
      : undefined
  },
  subject: ({ event }) => identityOf(event.data as never),
  describe: (_, policy) =>
    `prompts of more than ${policy.rules.oversizedPrompts.promptTokens} tokens, or too large to be read,`,
})
