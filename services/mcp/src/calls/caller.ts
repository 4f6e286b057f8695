import type { Actor } from '@fluxgate/operations'

/** Who calls, once authenticated; what the role allows is decided by the operations. */
export type Caller = Actor

/** `forbidden`: the caller is known and may not use this server. */
export type Admission = Caller | 'unknown' | 'forbidden'

/** Whoever holds the operator token, or starts the server over stdio: its process could read the token anyway. */
export const OPERATOR: Caller = Object.freeze({ name: 'mcp:operator', role: 'operator' })

/** Whoever holds the token for reading. */
export const READER: Caller = Object.freeze({ name: 'mcp:reader', role: 'reader' })
