export interface Drift {
  readonly onlyInBucket: string[]
  readonly onlyInTables: string[]
}

/** Identities that one knows and the other does not. Lists that may have been cut at `max` tell nothing: none then. */
export function drift(bucket: readonly string[], tables: readonly string[], max: number): Drift | null {
  if (bucket.length >= max || tables.length >= max) return null
  const inBucket = new Set(bucket)
  const inTables = new Set(tables)
  return {
    onlyInBucket: bucket.filter(identity => !inTables.has(identity)),
    onlyInTables: tables.filter(identity => !inBucket.has(identity)),
  }
}
