/** Parts that a window is counted in: what is older than the window leaves in steps of a fiftieth of it. */
const SLOTS = 50
/** Events that each slot can name as evidence. */
const KEPT_PER_SLOT = 8

interface Spent {
  readonly sequence: number
  readonly tokens: number
}

interface Slot {
  readonly number: number
  tokens: number
  events: number
  readonly largest: Spent[]
}

/**
 * Tokens of one identity over a sliding window. Slots are aligned to the epoch, so the sum at a time depends on the
 * events of the window alone and not on where the counting began: a restart that replays the window decides the same.
 * Memory is bounded by {@link SLOTS}, whatever the rate of events. A slot counts while all of it is inside the window.
 */
export class TokenWindow {
  #windowMs = 0
  #slotMs = 1
  #slots: Slot[] = []
  #tokens = 0
  #events = 0

  /** Adds an event; a window of another length than before begins empty. */
  add(atMs: number, tokens: number, sequence: number, windowMs: number): void {
    if (windowMs !== this.#windowMs) this.#resize(windowMs)
    const number = Math.floor(atMs / this.#slotMs)
    this.#dropBefore(atMs)
    let slot = this.#slots[this.#slots.length - 1]
    // The clock of a stream may step back when its leader changes: such an event counts as now.
    if (slot === undefined || number > slot.number) {
      slot = { number, tokens: 0, events: 0, largest: [] }
      this.#slots.push(slot)
    }
    slot.tokens += tokens
    slot.events++
    this.#tokens += tokens
    this.#events++
    keepLargest(slot.largest, { sequence, tokens })
  }

  /** Tokens and events of the window that ended with the last event added. */
  get tokens(): number {
    return this.#tokens
  }

  get events(): number {
    return this.#events
  }

  /** Sequences of the largest events, in the order of the log. */
  largest(max: number): number[] {
    return this.#slots
      .flatMap(slot => slot.largest)
      .sort((a, b) => b.tokens - a.tokens || a.sequence - b.sequence)
      .slice(0, max)
      .map(spent => spent.sequence)
      .sort((a, b) => a - b)
  }

  /** True when nothing of it can matter at this time. */
  isIdle(atMs: number): boolean {
    const last = this.#slots[this.#slots.length - 1]
    return last === undefined || last.number * this.#slotMs <= atMs - this.#windowMs
  }

  #resize(windowMs: number): void {
    this.#windowMs = windowMs
    this.#slotMs = slotMs(windowMs)
    this.#slots = []
    this.#tokens = 0
    this.#events = 0
  }

  #dropBefore(atMs: number): void {
    const oldest = atMs - this.#windowMs
    while (this.#slots.length > 0 && this.#slots[0]!.number * this.#slotMs <= oldest) {
      const gone = this.#slots.shift()!
      this.#tokens -= gone.tokens
      this.#events -= gone.events
    }
  }
}

export function slotMs(windowMs: number): number {
  return Math.max(1, Math.ceil(windowMs / SLOTS))
}

function keepLargest(largest: Spent[], spent: Spent): void {
  if (largest.length < KEPT_PER_SLOT) {
    largest.push(spent)
    return
  }
  let least = 0
  for (let i = 1; i < largest.length; i++) if (largest[i]!.tokens < largest[least]!.tokens) least = i
  if (spent.tokens > largest[least]!.tokens) largest[least] = spent
}
