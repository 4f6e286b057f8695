import { DAY_MS, EVENTS, STREAMS } from '@fluxgate/contracts'
import { z } from 'zod'
import { answered, defineTool } from '../../calls/index.ts'
import {
  asOfField,
  asOfOf,
  cursorField,
  freshnessOf,
  freshnessText,
  identityField,
  identityOf,
  isoTime,
  limitField,
  nextCursorField,
  quoted,
  rangeFields,
  rangeOf,
  timeField,
  userField,
  withoutSession,
} from '../../views/index.ts'

const RANGE = { fallbackMs: 7 * DAY_MS, maxMs: 1_830 * DAY_MS }

const FACTS = EVENTS.filter(({ stream }) => stream === 'auth').map(({ kind: fact }) => fact)

const eventFields = {
  eventId: z.string(),
  sequence: z.int().describe('Position in AUTH.'),
  at: timeField,
  fact: z.string(),
  identity: z.string(),
  actor: z.string().nullable(),
  address: z.string().nullable(),
  account: z.string().nullable().describe('A hash that is the same for the same e-mail address.'),
  reason: z.string().nullable(),
  detail: z
    .record(z.string(), z.unknown())
    .describe("The rest of the event's data; texts in it come from outside."),
}

export const authEvents = defineTool({
  name: 'auth_events',
  title: 'Accounts, logins and keys',
  description:
    'What happened to accounts and keys, newest first: logins and failed logins, rejected, created and revoked keys, ' +
    'tiers, disabled users, changed policies and what operators ordered. Use it for "who changed this", "is somebody ' +
    'guessing passwords or keys", or the history of a key. Filter by user, identity, fact, address and time; page with cursor.',
  effect: 'reads',
  input: z.strictObject({
    fact: z.enum(FACTS).optional().describe('Only this fact.'),
    identity: identityField.optional(),
    user: userField.optional(),
    address: z.string().min(1).max(64).optional().describe('Only from this client address.'),
    ...rangeFields('7 days before the end'),
    limit: limitField(50, 200),
    cursor: cursorField,
  }),
  output: z.object({
    from: timeField,
    to: timeField,
    events: z.array(z.object(eventFields)).describe('Newest first.'),
    nextCursor: nextCursorField,
    asOf: asOfField,
  }),

  async answer({ fact, identity, user, address, limit, cursor, ...range }, backends) {
    const fresh = await freshnessOf(backends, [STREAMS.auth])
    const { fromMs, toMs } = rangeOf(range, backends.nowMs(), RANGE)
    const owner = identity === undefined ? { user } : identityOf(identity)
    const scope = { from: fromMs, to: toMs + 1, limit, before: cursor }
    const { items, next } = await backends.tables.authEvents({ ...owner, fact, address, ...scope })
    const events = items.map(({ id, userId, keyId, at, detail, ...rest }) => ({
      ...rest,
      eventId: id,
      at: isoTime(at),
      identity: `${userId}.${keyId}`,
      detail: withoutSession(detail),
    }))
    const data = { from: isoTime(fromMs), to: isoTime(toMs), events, nextCursor: next, asOf: asOfOf(fresh) }
    return answered(data, [
      `${events.length === 0 ? 'No such events' : `${events.length} events, newest first,`} from ${data.from} to ${data.to}`,
      ...events.map(event => {
        const texts = (['actor', 'address', 'account', 'reason'] as const)
          .filter(name => event[name] !== null)
          .map(name => ` ${name}=${quoted(event[name] ?? '')}`)
        return `- ${event.at} ${event.fact} ${event.identity}${texts.join('')}`
      }),
      ...(next === undefined
        ? []
        : ['There are more: call again with the same filters and nextCursor as cursor.']),
      freshnessText(fresh),
    ])
  },
})
