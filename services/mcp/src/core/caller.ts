/** Who calls, once authenticated. */
export interface Caller {
  /** Stands in the facts that the caller's commands make: `mcp:<user>`. */
  readonly actor: string
}

/** `forbidden`: we know who it is, and it may not be here. */
export type Admission = Caller | 'unknown' | 'forbidden'

/** Whoever holds the operator token, or starts the server over stdio: its process could read the token anyway. */
export const OPERATOR: Caller = Object.freeze({ actor: 'mcp:operator' })
