import { type FluxgateEvent, parseSubject } from '@fluxgate/contracts'
import type { NatsLink } from './link.ts'
import type { StoredMessage } from './pull.ts'
import { isServerAtLeast } from './server-version.ts'

/** From this version of nats-server on a consumer takes several filters. */
const SEVERAL_FILTERS = '2.10.0'
const ANY = '*'

/**
 * Which events of a stream are wanted, by a filter of subjects. The subject of a batch tells no more than its partition: its
 * events are compared here, with what the subject of each would have been as a message of its own.
 */
export class Selection {
  /** What the server filters by; none: it sends everything. */
  readonly filters: readonly string[]
  readonly #kind: string
  readonly #user: string
  readonly #key: string
  /** What the bytes of a batch hold that has an event of that user and key. */
  readonly #marks: readonly Buffer[]

  constructor(link: NatsLink, filter: string) {
    const [root, stream = ANY, , kind = ANY, user = ANY, key = ANY] = filter.split('.')
    const isBatched = root === 'fluxgate' && (stream === 'requests' || stream === 'tokens')
    const mayBeSeveral = isServerAtLeast(link.connection.info?.version ?? '', SEVERAL_FILTERS)
    this.filters = !isBatched ? [filter] : mayBeSeveral ? [filter, `fluxgate.${stream}.*`] : []
    this.#kind = anyIfRest(kind)
    this.#user = anyIfRest(user)
    this.#key = anyIfRest(key)
    this.#marks = [
      ...(this.#user === ANY ? [] : [Buffer.from(`"user":"${this.#user}"`)]),
      ...(this.#key === ANY ? [] : [Buffer.from(`"key":"${this.#key}"`)]),
      ...(this.#kind === ANY ? [] : [Buffer.from(`.${this.#kind}"`)]),
    ]
  }

  /** A batch none of whose events can be wanted is not parsed. */
  mayHold(batch: Uint8Array): boolean {
    const bytes = Buffer.from(batch.buffer, batch.byteOffset, batch.byteLength)
    return this.#marks.every(mark => bytes.includes(mark))
  }

  /** @param message one event, of a batch or a message of its own */
  holds(message: StoredMessage): boolean {
    if (message.index === undefined) return this.#holdsSubject(message.subject)
    const parsed = message.parse()
    return parsed.ok && this.#holdsEvent(parsed.value)
  }

  #holdsEvent({ type, data }: FluxgateEvent): boolean {
    const { user, key } = data as { user?: string; key?: string }
    return (
      (this.#kind === ANY || type.endsWith(`.${this.#kind}`)) &&
      (this.#user === ANY || user === this.#user) &&
      (this.#key === ANY || key === this.#key)
    )
  }

  #holdsSubject(subject: string): boolean {
    // Where the server filters there is nothing left to do.
    if (this.filters.length > 0) return true
    const place = parseSubject(subject)
    if (!place || place.stream === 'incidents') return false
    return (
      (this.#kind === ANY || place.kind === this.#kind) &&
      (this.#user === ANY || place.user === this.#user) &&
      (this.#key === ANY || place.key === this.#key)
    )
  }
}

function anyIfRest(token: string): string {
  return token === '>' ? ANY : token
}
