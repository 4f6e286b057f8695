import { HOUR_MS } from '@fluxgate/contracts'
import { z } from 'zod'
import { answered, defineTool, problem } from '../../calls/index.ts'
import {
  cursorField,
  eventCursor,
  eventFields,
  eventText,
  eventView,
  identityField,
  identityOf,
  isoTime,
  limitField,
  nextCursorField,
  rangeFields,
  rangeOf,
  readEventCursor,
  timeField,
  userField,
} from '../../views/index.ts'

const RANGE = { fallbackMs: HOUR_MS, maxMs: 31 * 24 * HOUR_MS }

export const identityTimeline = defineTool({
  name: 'identity_timeline',
  title: 'Timeline of an identity',
  description:
    'Everything that the log tells of one identity or one user, oldest first, live: requests, tokens, logins and keys, ' +
    'throttles and incidents, each with its place in the log. Use it to reconstruct what led to an incident or what a ' +
    'customer experienced; begin with a short range around the time in question. Page with cursor.',
  effect: 'reads',
  input: z.strictObject({
    identity: identityField.optional().describe('`<user id>.<key id>`; give this or user.'),
    user: userField.optional().describe('All keys of this user; give this or identity.'),
    ...rangeFields('1 hour before the end'),
    limit: limitField(100, 500),
    cursor: cursorField,
  }),
  output: z.object({
    whom: z.string(),
    from: timeField,
    to: timeField,
    facts: z.array(z.object(eventFields)).describe('Oldest first, by the time at which they were stored.'),
    nextCursor: nextCursorField,
    readAt: timeField.describe('Read from the log itself: nothing that it held then is missing.'),
  }),

  async answer({ identity, user, limit, cursor, ...range }, backends, { signal }) {
    if ((identity === undefined) === (user === undefined)) {
      return problem('Give either identity (`<user id>.<key id>`) or user (all of its keys), and not both.')
    }
    const now = backends.nowMs()
    const { fromMs, toMs } = rangeOf(range, now, RANGE)
    const whom = user === undefined ? identityOf(identity ?? '') : { user, key: undefined }
    const after = cursor === undefined ? undefined : readEventCursor(cursor)
    const { items, more } = await backends.log.timeline({ ...whom, fromMs, toMs, after, limit }, signal)
    const last = items.at(-1)
    const name = identity ?? user ?? ''
    const data = {
      whom: name,
      from: isoTime(fromMs),
      to: isoTime(toMs),
      facts: items.map(eventView),
      nextCursor: more && last ? eventCursor(last) : undefined,
      readAt: isoTime(now),
    }
    return answered(data, [
      items.length === 0
        ? `The log tells nothing of ${name} from ${data.from} to ${data.to}${cursor === undefined ? '' : ' behind this cursor'}.`
        : `${items.length} facts about ${name} from ${data.from} to ${data.to}, oldest first:`,
      ...items.map(fact => `- ${fact.event.time} ${eventText(fact, ['user', 'key'])}`),
      ...(more ? ['There are more: call again with the same arguments and nextCursor as cursor.'] : []),
    ])
  },
})
