import { STREAMS } from '@fluxgate/contracts'
import { follow, type NatsLink } from '@fluxgate/nats'
import { type BookLimits, IncidentBook } from './incident-book.ts'

export interface FollowedBook extends AsyncDisposable {
  /** The book when it has read up to `sequence`; rejects when `signal` aborts before. */
  upTo(sequence: number, signal: AbortSignal): Promise<IncidentBook>
}

/** Reads the incidents stream from its first message on, and goes on as it grows. */
export function followIncidents(link: NatsLink, limits: BookLimits): FollowedBook {
  const book = new IncidentBook(limits)
  const waiting = new Set<() => void>()
  const options = {
    stream: STREAMS.incidents,
    from: 'first',
    name: 'incident-reporter',
    unreadable: 'skip',
    onAnew: () => {
      book.position = 0
    },
  } as const
  const following = follow(link, options, async batch => {
    for (const logged of batch.events) book.apply(logged)
    book.position = batch.lastSequence
    for (const check of waiting) check()
  })
  return {
    upTo(sequence, signal) {
      if (book.position >= sequence) return Promise.resolve(book)
      return new Promise((resolve, reject) => {
        const end = (settle: () => void) => {
          waiting.delete(check)
          signal.removeEventListener('abort', stop)
          settle()
        }
        const stop = () => end(() => reject(signal.reason))
        const check = () => {
          if (book.position >= sequence) end(() => resolve(book))
        }
        waiting.add(check)
        signal.addEventListener('abort', stop)
        if (signal.aborted) stop()
      })
    },
    [Symbol.asyncDispose]: () => following[Symbol.asyncDispose](),
  }
}
