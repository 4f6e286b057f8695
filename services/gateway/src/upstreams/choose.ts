/** What a choice looks at. */
export interface Load {
  readonly inFlight: number
  readonly weight: number
}

/**
 * "Power of two choices": two different ones are drawn, each as likely as its weight, and the one with less in flight
 * for its weight is taken, the first drawn when they are even. So idle upstreams get calls by weight, and busy ones
 * level out, without the herd that follows the least busy one of all.
 * @param random gives numbers from 0 up to 1
 */
export function chooseOne<T extends Load>(candidates: readonly T[], random: () => number): T | undefined {
  if (candidates.length < 2) return candidates[0]
  let total = 0
  for (const { weight } of candidates) total += weight
  const first = draw(candidates, undefined, total, random)
  const second = draw(candidates, first, total - first.weight, random)
  return second.inFlight / second.weight < first.inFlight / first.weight ? second : first
}

function draw<T extends Load>(
  candidates: readonly T[],
  except: T | undefined,
  total: number,
  random: () => number,
): T {
  let left = random() * total
  let last = candidates[0]!
  for (const candidate of candidates) {
    if (candidate === except) continue
    last = candidate
    left -= candidate.weight
    if (left < 0) break
  }
  return last
}
