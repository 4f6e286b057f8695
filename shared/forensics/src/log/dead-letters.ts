import { DEADLETTER_STREAM } from '@fluxgate/contracts'
import { DEAD_LETTER_HEADERS, type NatsLink, replayStored } from '@fluxgate/nats'
import type { Range } from '../core/log-source.ts'
import { LogUnreadable } from './read.ts'

/** A message that somebody could not read or handle, and put aside. */
export interface DeadLetter {
  /** In the stream of dead letters. */
  readonly sequence: number
  readonly storedAtMs: number
  /** Where it came from. */
  readonly stream: string
  readonly streamSequence: number
  /** Of an event in its batch. */
  readonly streamIndex: number | undefined
  readonly subject: string
  readonly consumer: string
  readonly reason: string
}

/** Dead letters that were put aside in a range. @throws LogUnreadable */
export async function deadLetters(
  link: NatsLink,
  { fromMs, toMs }: Range,
  signal?: AbortSignal,
): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = []
  const from = fromMs === undefined || fromMs <= 0 ? ('first' as const) : { timeMs: Math.ceil(fromMs) }
  const options = { stream: DEADLETTER_STREAM, from }
  try {
    for await (const messages of replayStored(link, signal ? { ...options, signal } : options)) {
      for (const { sequence, storedAtMs, headers } of messages) {
        if (storedAtMs > (toMs ?? Number.POSITIVE_INFINITY)) return letters
        const said = (name: keyof typeof DEAD_LETTER_HEADERS) => headers?.get(DEAD_LETTER_HEADERS[name]) ?? ''
        letters.push({
          sequence,
          storedAtMs,
          stream: said('stream'),
          streamSequence: Number(said('sequence')),
          streamIndex: said('index') === '' ? undefined : Number(said('index')),
          subject: said('subject'),
          consumer: said('consumer'),
          reason: said('reason'),
        })
      }
    }
  } catch (cause) {
    throw new LogUnreadable(DEADLETTER_STREAM, cause)
  }
  return letters
}
