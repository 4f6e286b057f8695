import {
  DEADLETTER_STREAM,
  type EventMaker,
  LetterReplayed,
  parseSubject,
  readJson,
  STREAMS,
} from '@fluxgate/contracts'
import {
  appendEvent,
  DEAD_LETTER_HEADERS,
  lastMessage,
  messageAt,
  type NatsLink,
  replayStored,
} from '@fluxgate/nats'
import { done, type Outcome, refused } from '../http/index.ts'
import type { DeadLetterPage, DeadLetterView } from './answers.ts'

export interface DeadLetterTools {
  readonly link: NatsLink
  readonly make: EventMaker
  readonly listRows: number
}

const MESSAGE_ID = 'Nats-Msg-Id'
const SHOWN_CHARS = 4_000
/** What NATS lets the dashboard publish ends there, too: it can make no facts about keys and logins. */
const NO_ACCOUNTS = 'Account events are replayed by hand, with an operator’s own NATS user.'
const decoder = new TextDecoder()

export type DeadLetters = ReturnType<typeof openDeadLetters>

/** Messages that could not be read or handled: listed, and replayed into the stream that they came from. */
export function openDeadLetters({ link, make, listRows }: DeadLetterTools) {
  return {
    /** Newest first; `before` is a sequence. */
    async page(before: number | undefined): Promise<DeadLetterPage> {
      const { state } = await link.manager.streams.info(DEADLETTER_STREAM)
      if (state.messages === 0) return { items: [], next: null }
      const newest = Math.min(state.last_seq, (before ?? Number.POSITIVE_INFINITY) - 1)
      const oldest = Math.max(state.first_seq, newest - listRows + 1)
      const sequences = Array.from({ length: Math.max(0, newest - oldest + 1) }, (_, i) => newest - i)
      const found = await Promise.all(sequences.map(sequence => viewAt(link, make, sequence)))
      const items = found.filter(letter => letter !== undefined)
      return { items, next: oldest > state.first_seq ? oldest : null }
    },
    /** Puts one back to where it came from, once. */
    replay: (sequence: number, actor: string, reason: string) => putBack(link, make, sequence, actor, reason),
  }
}

/**
 * Republishes a dead letter to the subject that it had, under the id that it had. The fact that claims it comes first and
 * can env in the log once only, so two operators put it back once; a claim whose message did not arrive is finished by
 * whoever tries again.
 */
async function putBack(
  link: NatsLink,
  make: EventMaker,
  sequence: number,
  actor: string,
  reason: string,
): Promise<Outcome<DeadLetterView>> {
  if (!link.isConnected()) return refused('unavailable', 'The event log is unavailable.')
  const letter = await viewAt(link, make, sequence)
  const stored = letter && (await messageAt(link, DEADLETTER_STREAM, sequence))
  if (!letter || !stored) return refused('not_found', 'There is no such dead letter.')
  const parsed = parseSubject(letter.subject)
  if (letter.event === null || !parsed || STREAMS[parsed.stream] !== letter.stream) {
    return refused('invalid', 'The dead letter names no event of a stream: it cannot be replayed.')
  }
  if (letter.stream === STREAMS.auth) return refused('forbidden', NO_ACCOUNTS)
  const claim = claimOf(make, letter, actor, reason)
  const claimed = await appendEvent(link, claim, { after: 0 })
  if (claimed === undefined && (await isBack(link, letter, letter.event))) {
    return refused('conflict', 'This dead letter has been replayed already.')
  }
  const { duplicate } = await link.jetstream.publish(letter.subject, stored.data, { msgID: letter.event })
  if (duplicate) {
    return refused('conflict', 'The stream still deduplicates the first copy. Try again in 30 seconds.')
  }
  return done({ ...letter, replayed: await replayOf(link, claim.subject) })
}

function claimOf(make: EventMaker, letter: DeadLetterView, actor: string, reason: string) {
  return make(
    LetterReplayed,
    {
      user: 'all',
      key: `dl_${letter.sequence}`,
      actor,
      reason,
      event: letter.event ?? '',
      letter: { stream: DEADLETTER_STREAM, sequence: letter.sequence },
      original: { stream: letter.stream, sequence: letter.original },
    },
    { id: `letter-replayed-${String(letter.sequence).padStart(8, '0')}` },
  )
}

/** Whether the event stands in its stream again, after the place that the letter is a copy of. */
async function isBack(link: NatsLink, { stream, subject, original }: DeadLetterView, id: string) {
  const from = { sequence: original + 1 }
  for await (const messages of replayStored(link, { stream, filter: subject, from, headersOnly: true })) {
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
  const text = decoder.decode(stored.data)
  const letter = {
    sequence,
    at: stored.time.getTime(),
    reason: header('reason'),
    consumer: header('consumer'),
    stream,
    original,
    subject: header('subject'),
    body: text.slice(0, SHOWN_CHARS),
    bytes: stored.data.length,
    event: await eventIdOf(link, stream, original, text),
    replayed: null,
  }
  const claim = await replayOf(link, claimOf(make, letter, 'nobody', '').subject)
  const isDone = claim !== null && letter.event !== null && (await isBack(link, letter, letter.event))
  return { ...letter, replayed: isDone ? claim : null }
}

/** The id that the message was published under, or, where retention has dropped it, the one that its text names. */
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
