import { NOTHING, type UsageTap } from './tap.ts'

/** For an answer that cannot be read, or says nothing of usage: it passes as it is, and is settled by estimate. */
export function opaqueTap(): UsageTap {
  let bytes = 0
  return {
    usage: undefined,
    model: undefined,
    get pieces() {
      return Math.ceil(bytes / 4)
    },
    progress: 'open',
    error: undefined,
    isBetweenParts: false,
    write(chunk) {
      bytes += chunk.length
      return chunk
    },
    end: () => NOTHING,
  }
}
