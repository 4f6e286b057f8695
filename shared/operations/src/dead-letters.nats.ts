import {
  DEADLETTER_STREAM,
  type EventMaker,
  LetterReplayed,
  parseSubject,
  placeOf,
  readJson,
  STREAMS,
} from '@fluxgate/contracts'
import {
  appendEvent,
  DEAD_LETTER_HEADERS,
  lastMessage,
  messageAt,
  type NatsLink,
  replayWhole,
} from '@fluxgate/nats'
import { done, forbidden, type OrderOutcome, refused } from './outcome.ts'
import type { Actor } from './permissions.ts'
import type { DeadLetterPage, DeadLetterView } from './views.ts'

export interface DeadLetterOptions {
  readonly link: NatsLink
  readonly make: EventMaker
  readonly listRows: number
}

const MESSAGE_ID = 'Nats-Msg-Id'
const SHOWN_CHARS = 4_000
/** The dashboard's NATS user may not publish events of accounts either: no service but a gateway makes a key. */
const NO_ACCOUNTS = 'Events of accounts are replayed by hand, with the NATS user of the operator.'
const decoder = new TextDecoder()

export type DeadLetters = ReturnType<typeof openDeadLetters>

/** Messages that could not be read or handled: listed, and replayed into the stream that they came from. */
export function openDeadLetters({ link, make, listRows }: DeadLetterOptions) {
  return {
    /** Newest first; `before` is a sequence. */
    async page(before: number | undefined): Promise<DeadLetterPage> {
      const { state } = await link.manager.streams.info(DEADLETTER_STREAM)
      if (state.messages === 0) return { items: [], next: null }
      const newest = Math.min(state.last_seq, (before ?? Number.POSITIVE_INFINITY) - 1)
      const oldest = Math.max(state.first_seq, newest - listRows + 1)
      const sequences = Array.from({ length: Math.max(0, newest - oldest + 1) }, (_, i) => newest - i)
      const found = await Promise.all(sequences.map(sequence => viewAt(link, make, sequence)))
      const items = found.filter(deadLetter => deadLetter !== undefined)
      return { items, next: oldest > state.first_seq ? oldest : null }
    },
    /** Republishes one into the stream that it came from, once. */
    async replay(actor: Actor, sequence: number, reason: string): Promise<OrderOutcome<DeadLetterView>> {
      if (reason.trim() === '') return refused('invalid', 'An order needs a reason.')
      return forbidden(actor, 'replay_dead_letter') ?? replayOne(link, make, sequence, actor.name, reason)
    },
  }
}

/**
 * Republishes a dead letter to the subject that it had, under the id that it had. The event that claims it comes first and
 * the log takes it only once, so two operators replay it once; a claim whose message did not arrive is finished by
 * whoever tries again.
 */
async function replayOne(
  link: NatsLink,
  make: EventMaker,
  sequence: number,
  actor: string,
  reason: string,
): Promise<OrderOutcome<DeadLetterView>> {
  if (!link.isConnected())
    return refused(
      'unavailable',
      'The event log (NATS) is unavailable. Nothing was changed; try again in a moment.',
    )
  const deadLetter = await viewAt(link, make, sequence)
  const stored = deadLetter && (await messageAt(link, DEADLETTER_STREAM, sequence))
  if (!deadLetter || !stored) return refused('not_found', 'There is no such dead letter.')
  const parsed = parseSubject(deadLetter.subject)
  if (deadLetter.event === null || !parsed || STREAMS[parsed.stream] !== deadLetter.stream) {
    return refused('invalid', 'The dead letter names no event of a known stream, so it cannot be replayed.')
  }
  if (deadLetter.stream === STREAMS.auth) return refused('forbidden', NO_ACCOUNTS)
  const claim = claimOf(make, deadLetter, actor, reason)
  const claimed = await appendEvent(link, claim, { after: 0 })
  if (claimed === undefined && (await isReplayed(link, deadLetter, deadLetter.event))) {
    return refused('conflict', 'It has been replayed before.')
  }
  const { duplicate } = await link.jetstream.publish(deadLetter.subject, stored.data, {
    msgID: deadLetter.event,
  })
  if (duplicate) {
    return refused(
      'conflict',
      'Its stream still takes it for a duplicate of the first copy. Try again in half a minute.',
    )
  }
  return done({ ...deadLetter, replayed: await replayOf(link, claim.subject) })
}

function claimOf(make: EventMaker, deadLetter: DeadLetterView, actor: string, reason: string) {
  return make(
    LetterReplayed,
    {
      user: 'all',
      key: `dl_${deadLetter.sequence}`,
      actor,
      reason,
      event: deadLetter.event ?? '',
      letter: { stream: DEADLETTER_STREAM, sequence: deadLetter.sequence },
      original: placeOf({
        stream: deadLetter.stream,
        sequence: deadLetter.original,
        index: deadLetter.originalIndex,
      }),
    },
    { id: `letter-replayed-${String(deadLetter.sequence).padStart(8, '0')}` },
  )
}

/** Whether the event is in its stream again, after the position that the dead letter is a copy of. */
async function isReplayed(link: NatsLink, { stream, subject, original }: DeadLetterView, id: string) {
  const from = { sequence: original + 1 }
  for await (const messages of replayWhole(link, { stream, filter: subject, from, headersOnly: true })) {
    if (messages.some(({ headers }) => headers?.get(MESSAGE_ID) === id)) return true
  }
  return false
}

async function viewAt(
  link: NatsLink,
  make: EventMaker,
  sequence: number,
): Promise<DeadLetterView | undefined> {
  const stored = await messageAt(link, DEADLETTER_STREAM, sequence)
  if (!stored) return undefined
  const header = (name: keyof typeof DEAD_LETTER_HEADERS) => stored.header.get(DEAD_LETTER_HEADERS[name])
  const [stream, original] = [header('stream'), Number(header('sequence'))]
  const originalIndex = header('index') === '' ? undefined : Number(header('index'))
  const text = decoder.decode(stored.data)
  const deadLetter = {
    sequence,
    at: stored.time.getTime(),
    reason: header('reason'),
    consumer: header('consumer'),
    stream,
    original,
    originalIndex,
    subject: header('subject'),
    body: text.slice(0, SHOWN_CHARS),
    bytes: stored.data.length,
    event: await eventIdOf(link, stream, originalIndex === undefined ? original : 0, text),
    replayed: null,
  }
  const claim = await replayOf(link, claimOf(make, deadLetter, 'unknown', '').subject)
  const isDone =
    claim !== null && deadLetter.event !== null && (await isReplayed(link, deadLetter, deadLetter.event))
  return { ...deadLetter, replayed: isDone ? claim : null }
}

/** The id that the message was published under; of an event of a batch, or where retention has dropped it, the one that its text names. */
async function eventIdOf(link: NatsLink, stream: string, sequence: number, text: string) {
  const isKnown = Object.values(STREAMS).includes(stream) && sequence > 0
  const original = isKnown ? await messageAt(link, stream, sequence) : undefined
  const published = original?.header.get(MESSAGE_ID)
  if (published) return published
  const read = readJson(text, { maxSize: text.length })
  const id = read.ok ? (read.value as { id?: unknown } | null)?.id : undefined
  return typeof id === 'string' && id !== '' ? id : null
}

async function replayOf(link: NatsLink, subject: string): Promise<DeadLetterView['replayed']> {
  const stored = await lastMessage(link, STREAMS.auth, subject)
  if (!stored) return null
  const read = readJson(stored.data, { maxSize: stored.data.length })
  if (!read.ok) return null
  const { data } = read.value as { data: { actor: string; reason: string } }
  return { at: stored.time.getTime(), by: data.actor, reason: data.reason }
}
