/** How long and how often things are measured. */
export interface Pace {
  readonly rounds: number
  readonly seconds: number
  /** A run that shows that everything works, and measures nothing worth keeping. */
  readonly isSmoke: boolean
  readonly tell: (text: string) => void
}

/**
 * Measures the subjects turn by turn, so that a busy minute of the machine strikes all of them; every other round goes
 * backwards. A first round warms up and is not kept; a smoke run does without.
 */
export async function takeTurns<S extends { readonly name: string }, R>(
  subjects: readonly S[],
  { rounds, seconds, isSmoke, tell }: Pace,
  measure: (subject: S, seconds: number) => Promise<R>,
): Promise<Map<string, R[]>> {
  const results = new Map<string, R[]>(subjects.map(({ name }) => [name, []]))
  for (let round = isSmoke ? 1 : 0; round <= rounds; round++) {
    const order = round % 2 === 0 ? subjects : subjects.toReversed()
    for (const subject of order) {
      const isWarmUp = round === 0
      tell(`${isWarmUp ? 'warming up' : `round ${round} of ${rounds}`}: ${subject.name}`)
      const result = await measure(subject, isWarmUp ? WARM_UP_SECONDS : seconds)
      if (!isWarmUp) results.get(subject.name)!.push(result)
    }
  }
  return results
}

const WARM_UP_SECONDS = 3
