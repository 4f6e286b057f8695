import {
  addSettled,
  differingCounts,
  noSettled,
  type SettledCounts,
  type SettledSum,
} from './settled-counts.ts'
import type { Violation } from './violation.ts'

/** What the log settled, by identity, over the positions that the tables hold too. */
export class SettledSums {
  readonly #throughSequence: number
  readonly #retainedFromMs: number
  readonly byIdentity = new Map<string, SettledSum>()
  readonly all: SettledSum = noSettled()
  fromSequence = 0
  toSequence = 0
  notCompared = 0

  constructor(throughSequence: number, retainedFromMs: number) {
    this.#throughSequence = throughSequence
    this.#retainedFromMs = retainedFromMs
  }

  add(identity: string, counts: SettledCounts, sequence: number, storedAtMs: number): void {
    if (sequence > this.#throughSequence || storedAtMs < this.#retainedFromMs) {
      this.notCompared++
      return
    }
    this.fromSequence ||= sequence
    this.toSequence = sequence
    const sum = this.byIdentity.get(identity) ?? noSettled()
    this.byIdentity.set(identity, sum)
    addSettled(sum, counts)
    addSettled(this.all, counts)
  }

  /** Identities of which the tables say otherwise. */
  differing(tables: ReadonlyMap<string, SettledSum>): string[] {
    const names = new Set([...this.byIdentity.keys(), ...tables.keys()])
    return [...names].sort().filter(name => {
      const [log, table] = [this.byIdentity.get(name), tables.get(name)]
      if (!log || !table) return true
      return log.settled !== table.settled || differingCounts(log, table).length > 0
    })
  }
}

/** One offender for each request that log and tables tell differently of. */
export function differences(
  identity: string,
  inLog: ReadonlyMap<string, { counts: SettledCounts; sequence: number }>,
  inTables: ReadonlyMap<string, SettledCounts>,
  stream: string,
): Violation[] {
  const requests = [...new Set([...inLog.keys(), ...inTables.keys()])].sort()
  return requests.flatMap(request => {
    const log = inLog.get(request)
    const table = inTables.get(request)
    const differing = log && table ? differingCounts(log.counts, table) : []
    if (log && table && differing.length === 0) return []
    const detail =
      differing.length > 0
        ? differing
            .map(name => `${name} ${log!.counts[name]} in the log, ${table![name]} in the tables`)
            .join('; ')
        : `${log?.counts.totalTokens ?? 'no'} tokens settled in the log, ${table?.totalTokens ?? 'none'} in the tables`
    const places = log ? [{ stream, sequence: log.sequence }] : []
    return [{ offence: 'projected_otherwise' as const, detail, identity, request, places }]
  })
}
