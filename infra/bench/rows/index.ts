import { latency } from './latency.ts'
import { guard, loop, projection, revocation, whatIf } from './measured-elsewhere.ts'
import { memory } from './memory.ts'
import { nodes } from './nodes.ts'
import { publisher } from './publisher.ts'
import type { Row } from './row.ts'
import { streams } from './streams.ts'
import { tls } from './tls.ts'
import { unary } from './unary.ts'

/** The table, from top to bottom. */
export const ROWS: readonly Row[] = Object.freeze([
  ...[unary, tls, latency, streams, publisher, guard, projection, whatIf],
  ...[loop, revocation, memory, nodes],
])
