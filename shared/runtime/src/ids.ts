import { randomFillSync } from 'node:crypto'
import { monotonicFactory } from 'ulid'

const POOL_BYTES = 4_096
const LETTERS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
/** Letters at the end of an id that are counted here; two and two of them are looked up. */
const COUNTED = 4
const PAIRS: readonly string[] = Array.from(
  { length: LETTERS.length ** 2 },
  (_, n) => LETTERS[Math.floor(n / LETTERS.length)]! + LETTERS[n % LETTERS.length]!,
)
const COUNTS = PAIRS.length ** 2

/**
 * ULIDs that rise within a process, also when its clock is set back. Randomness is drawn from the system in large pieces,
 * one draw a character is slow; and an id of the same millisecond as the one before it is that one counted up.
 */
export function createIds(epochMs: () => number = Date.now): () => string {
  const pool = new Uint8Array(POOL_BYTES)
  let next = POOL_BYTES
  const ulid = monotonicFactory(() => {
    if (next === POOL_BYTES) {
      randomFillSync(pool)
      next = 0
    }
    return pool[next++]! / 256
  })
  let lastMs = 0
  let head = ''
  let count = COUNTS
  return () => {
    const nowMs = epochMs()
    if (nowMs > lastMs || ++count >= COUNTS) {
      lastMs = Math.max(nowMs, lastMs + 1)
      const id = ulid(lastMs)
      head = id.slice(0, -COUNTED)
      // From the lower half, so that a millisecond has room for half a million ids.
      count = numberOf(id.slice(-COUNTED)) % (COUNTS / 2)
    }
    return head + PAIRS[Math.floor(count / PAIRS.length)]! + PAIRS[count % PAIRS.length]!
  }
}

function numberOf(letters: string): number {
  let number = 0
  for (const letter of letters) number = number * LETTERS.length + LETTERS.indexOf(letter)
  return number
}
