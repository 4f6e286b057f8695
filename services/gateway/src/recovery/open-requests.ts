import type { EventNamed, FluxgateEvent, OutgoingEvent } from '@fluxgate/contracts'

export type Admitted = EventNamed<'requests.admitted'>
export type Progressed = EventNamed<'tokens.progressed'>

/** A request that was admitted and is not told to its end. */
export interface OpenRequest {
  readonly admitted: Reported<Admitted>
  progressed: Reported<Progressed> | undefined
  ended: boolean
  settled: boolean
}

interface Reported<E extends FluxgateEvent> {
  readonly subject: string
  readonly event: E
}

/**
 * A fold of a node's events: which requests were admitted and have no ending or no settlement yet. A starting node folds
 * what a dead one has left.
 */
export class OpenRequests {
  readonly #open = new Map<string, OpenRequest>()

  get size(): number {
    return this.#open.size
  }

  apply({ subject, event }: OutgoingEvent): void {
    switch (event.type) {
      case 'fluxgate.requests.admitted': {
        const { request } = event.data
        if (this.#open.has(request)) return // repeated at the head of a segment
        this.#open.set(request, {
          admitted: { subject, event },
          progressed: undefined,
          ended: false,
          settled: false,
        })
        return
      }
      case 'fluxgate.tokens.progressed': {
        const open = this.#open.get(event.data.request)
        // The log and the spool are read one after the other: the later progress has counted more.
        if (open && countOf(event) >= countOf(open.progressed?.event)) open.progressed = { subject, event }
        return
      }
      case 'fluxgate.requests.completed':
      case 'fluxgate.requests.failed':
      case 'fluxgate.requests.interrupted':
      case 'fluxgate.tokens.settled': {
        const open = this.#open.get(event.data.request)
        if (!open) return
        if (event.type === 'fluxgate.tokens.settled') open.settled = true
        else open.ended = true
        if (open.ended && open.settled) this.#open.delete(event.data.request)
        return
      }
    }
  }

  values(): IterableIterator<OpenRequest> {
    return this.#open.values()
  }

  /** What must be known of the open requests when everything before is forgotten. */
  *context(): Generator<OutgoingEvent> {
    for (const { admitted, progressed } of this.#open.values()) {
      yield admitted
      if (progressed) yield progressed
    }
  }
}

function countOf(event: Progressed | undefined): number {
  return event === undefined ? 0 : event.data.prompt + event.data.completion
}

const FOLDED =
  /^fluxgate\.(requests\.\d\d\.(admitted|completed|failed|interrupted)|tokens\.\d\d\.(progressed|settled))\./

/** Whether {@link OpenRequests} looks at events of this subject: what it does not need is not parsed. */
export function isFolded(subject: string): boolean {
  return FOLDED.test(subject)
}
