import { timeOfId } from './ulid-time.ts'

/** Numbers of a publisher that nothing in the log bears, both ends included. */
export interface SourceGap {
  readonly source: string
  readonly first: number
  readonly last: number
}

interface Numbers {
  readonly source: string
  first: number
  last: number
  missing: Array<[first: number, last: number]>
}

/**
 * Only gateways number every event that reaches the log: services that tell an event again after a restart use up a number
 * for a copy that its stream drops.
 */
const NUMBERED = '/gateway/'

/** Watches the numbers that publishers put on their events, over all streams together and in any order. */
export class SequenceGaps {
  readonly #bySource = new Map<string, Numbers>()

  add(source: string, sequence: number): void {
    if (!source.startsWith(NUMBERED)) return
    const numbers = this.#bySource.get(source)
    if (!numbers) {
      this.#bySource.set(source, { source, first: sequence, last: sequence, missing: [] })
    } else if (sequence > numbers.last) {
      if (sequence > numbers.last + 1) numbers.missing.push([numbers.last + 1, sequence - 1])
      numbers.last = sequence
    } else if (sequence < numbers.first) {
      if (sequence < numbers.first - 1) numbers.missing.unshift([sequence + 1, numbers.first - 1])
      numbers.first = sequence
    } else {
      fill(numbers, sequence)
    }
  }

  /** What is missing between the numbers seen, and before them of publishers that began after `fromMs`. */
  list(fromMs: number): SourceGap[] {
    return [...this.#bySource.values()].flatMap(({ source, first, missing }) => {
      const bootMs = timeOfId(source.slice(source.lastIndexOf('/') + 1)) ?? Number.NEGATIVE_INFINITY
      const head: Array<[number, number]> = first > 1 && bootMs >= fromMs ? [[1, first - 1]] : []
      return [...head, ...missing].map(([from, to]) => ({ source, first: from, last: to }))
    })
  }
}

function fill(numbers: Numbers, sequence: number): void {
  const index = numbers.missing.findIndex(([first, last]) => first <= sequence && sequence <= last)
  if (index === -1) return
  const [first, last] = numbers.missing[index]!
  const left: Array<[number, number]> = []
  if (first < sequence) left.push([first, sequence - 1])
  if (sequence < last) left.push([sequence + 1, last])
  numbers.missing.splice(index, 1, ...left)
}
