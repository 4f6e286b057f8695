import type { Offender } from './offence.ts'
import type { SettledSum } from './verdict.ts'

/** What the log settled, by identity, over the positions that the tables hold too. */
export class SettledSums {
  readonly #throughSequence: number
  readonly #keptFromMs: number
  readonly byIdentity = new Map<string, SettledSum>()
  readonly all: SettledSum = { settled: 0, totalTokens: 0 }
  fromSequence = 0
  toSequence = 0
  notCompared = 0

  constructor(throughSequence: number, keptFromMs: number) {
    this.#throughSequence = throughSequence
    this.#keptFromMs = keptFromMs
  }

  add(identity: string, totalTokens: number, sequence: number, storedAtMs: number): void {
    if (sequence > this.#throughSequence || storedAtMs < this.#keptFromMs) {
      this.notCompared++
      return
    }
    this.fromSequence ||= sequence
    this.toSequence = sequence
    const sum = this.byIdentity.get(identity) ?? { settled: 0, totalTokens: 0 }
    this.byIdentity.set(identity, sum)
    for (const each of [sum, this.all]) {
      each.settled++
      each.totalTokens += totalTokens
    }
  }

  /** Identities of which the tables say otherwise. */
  differing(tables: ReadonlyMap<string, SettledSum>): string[] {
    const names = new Set([...this.byIdentity.keys(), ...tables.keys()])
    return [...names].sort().filter(name => {
      const [log, table] = [this.byIdentity.get(name), tables.get(name)]
      return log?.settled !== table?.settled || log?.totalTokens !== table?.totalTokens
    })
  }
}

/** One offender for each request that log and tables tell differently of. */
export function differences(
  identity: string,
  inLog: ReadonlyMap<string, { total: number; sequence: number }>,
  inTables: ReadonlyMap<string, number>,
  stream: string,
): Offender[] {
  const requests = [...new Set([...inLog.keys(), ...inTables.keys()])].sort()
  return requests.flatMap(request => {
    const log = inLog.get(request)
    const table = inTables.get(request)
    if (log?.total === table) return []
    const detail = `${log?.total ?? 'no'} tokens settled in the log, ${table ?? 'none'} in the tables`
    const places = log ? [{ stream, sequence: log.sequence }] : []
    return [{ offence: 'projected_otherwise' as const, detail, identity, request, places }]
  })
}
