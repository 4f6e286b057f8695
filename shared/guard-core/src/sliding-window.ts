import { HISTORY } from './source-clocks.ts'

/** How a window is counted: in so many parts, each of which names so many of its largest events as evidence. */
export interface WindowShape {
  /** What is older than the window leaves it in steps of one part. */
  readonly slots: number
  readonly retainedPerSlot: number
}

/** Numbers that one slot takes, and one recorded event. */
const SLOT = 3
const FIELDS = 3
/** Numbers up to which an array has no spare room. */
const MAX_EXACT = 48

/**
 * A sum over a sliding window. Slots are aligned to the epoch, so the sum at a time depends on the events of the window
 * alone and not on where the counting began: a restart that replays the window decides the same. Memory is bounded by
 * the shape, whatever the rate of events; it is flat arrays of numbers, because there are hundreds of thousands of
 * windows. A slot counts while all of it is inside the window.
 */
export class SlidingWindow {
  readonly #shape: WindowShape
  #windowMs = 0
  #slotMs = 1
  /** Slot number, sum, events; oldest first. */
  #slots: number[] = []
  /** Slot number, place, amount; oldest slot first. */
  #largest: number[] = []
  #sum = 0
  #events = 0
  /** False when the last event came too late for the window. */
  #isCounted = true

  constructor(shape: WindowShape) {
    this.#shape = shape
  }

  /** Adds an event; a window of another length than before begins empty. */
  add(atMs: number, amount: number, place: number, windowMs: number): void {
    if (windowMs !== this.#windowMs) this.#resize(windowMs)
    this.#dropBefore(atMs)
    const number = Math.floor(atMs / this.#slotMs)
    const slots = this.#slots
    const last = slots.length === 0 ? number : slots[slots.length - SLOT]!
    this.#isCounted = atMs > HISTORY && number * this.#slotMs > last * this.#slotMs - this.#windowMs
    if (!this.#isCounted) return
    if (slots.length === 0) this.#slots = [number, amount, 1]
    else if (number > last) this.#slots = appended(slots, number, amount, 1)
    else this.#addToSlot(number, amount)
    this.#sum += amount
    this.#events++
    // What came late names no evidence: its slot's largest events are known already.
    if (this.#shape.retainedPerSlot > 0 && number >= last) this.#record(number, place, amount)
  }

  /** Sum and events of the window that ended with the latest event; none when the last one added came too late for it. */
  get sum(): number {
    return this.#isCounted ? this.#sum : 0
  }

  get events(): number {
    return this.#isCounted ? this.#events : 0
  }

  /** Places of the largest events, in the order of the log. */
  largest(max: number): number[] {
    const largest: Array<{ place: number; amount: number }> = []
    for (let i = 0; i < this.#largest.length; i += FIELDS) {
      largest.push({ place: this.#largest[i + 1]!, amount: this.#largest[i + 2]! })
    }
    return largest
      .sort((a, b) => b.amount - a.amount || a.place - b.place)
      .slice(0, max)
      .map(each => each.place)
      .sort((a, b) => a - b)
  }

  /** True when nothing of it can matter at this time. */
  isIdle(atMs: number): boolean {
    const { length } = this.#slots
    return length === 0 || this.#slots[length - SLOT]! * this.#slotMs <= atMs - this.#windowMs
  }

  #resize(windowMs: number): void {
    this.#windowMs = windowMs
    this.#slotMs = slotMs(windowMs, this.#shape)
    this.#slots = []
    this.#largest = []
    this.#sum = 0
    this.#events = 0
  }

  #dropBefore(atMs: number): void {
    const slots = this.#slots
    const oldest = atMs - this.#windowMs
    let gone = 0
    for (; gone < slots.length && slots[gone]! * this.#slotMs <= oldest; gone += SLOT) {
      this.#sum -= slots[gone + 1]!
      this.#events -= slots[gone + 2]!
    }
    if (gone === 0) return
    if (gone === slots.length) {
      this.#slots = []
      this.#largest = []
      return
    }
    slots.splice(0, gone)
    let first = 0
    while (first < this.#largest.length && this.#largest[first]! < slots[0]!) first += FIELDS
    this.#largest.splice(0, first)
  }

  /** Another event of the last slot or, when it came late, of one before. */
  #addToSlot(number: number, amount: number): void {
    const slots = this.#slots
    let at = slots.length - SLOT
    while (at > 0 && slots[at]! > number) at -= SLOT
    if (slots[at] === number) {
      slots[at + 1]! += amount
      slots[at + 2]! += 1
    } else slots.splice(slots[at]! > number ? at : at + SLOT, 0, number, amount, 1)
  }

  #record(number: number, place: number, amount: number): void {
    const largest = this.#largest
    let first = largest.length
    while (first > 0 && largest[first - FIELDS] === number) first -= FIELDS
    if (largest.length - first < this.#shape.retainedPerSlot * FIELDS) {
      this.#largest = appended(largest, number, place, amount)
      return
    }
    let least = first
    for (let i = first; i < largest.length; i += FIELDS) if (largest[i + 2]! < largest[least + 2]!) least = i
    if (amount > largest[least + 2]!) {
      largest[least + 1] = place
      largest[least + 2] = amount
    }
  }
}

/**
 * A push leaves room for more: in small windows, which are nearly all of them, that would be half of what they hold. The few
 * large ones would be copied with each event without it.
 */
function appended(numbers: number[], a: number, b: number, c: number): number[] {
  if (numbers.length < MAX_EXACT) return numbers.concat([a, b, c])
  numbers.push(a, b, c)
  return numbers
}

export function slotMs(windowMs: number, { slots }: WindowShape): number {
  return Math.max(1, Math.ceil(windowMs / slots))
}
