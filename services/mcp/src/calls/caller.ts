/** Who calls, once authenticated. */
export interface Caller {
  /** Stands in the facts that the caller's commands make: `mcp:<user>`. */
  readonly actor: string
  /** Whether it may order too, or only ask. */
  readonly mayAct: boolean
}

/** `forbidden`: we know who it is, and it may not be here. */
export type Admission = Caller | 'unknown' | 'forbidden'

/** Whoever holds the operator token, or starts the server over stdio: its process could read the token anyway. */
export const OPERATOR: Caller = Object.freeze({ actor: 'mcp:operator', mayAct: true })

/** Whoever holds the token that may only ask. */
export const READER: Caller = Object.freeze({ actor: 'mcp:reader', mayAct: false })
