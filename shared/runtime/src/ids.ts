import { randomFillSync } from 'node:crypto'
import { monotonicFactory } from 'ulid'

const POOL_BYTES = 4_096

/** ULIDs that rise within a process. Randomness is drawn from the system in large pieces: one draw a character is slow. */
export function createIds(): () => string {
  const pool = new Uint8Array(POOL_BYTES)
  let next = POOL_BYTES
  return monotonicFactory(() => {
    if (next === POOL_BYTES) {
      randomFillSync(pool)
      next = 0
    }
    return pool[next++]! / 256
  })
}
