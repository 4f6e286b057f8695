import type { IncomingHttpHeaders } from 'node:http'

/** What the simulator saw since its start; `GET /simulator/stats` answers it. */
export interface SimulatorStats {
  requests: number
  /** Answers under way. */
  active: number
  completed: number
  /** Clients that left before the end of their answer. */
  cancelled: number
  /** Requests that ended in a fault, asked for or not. */
  failed: number
  tokensIn: number
  /** Tokens handed to the network; of a JSON answer all or none. */
  tokensOut: number
  last:
    | {
        readonly method: string
        readonly path: string
        readonly headers: IncomingHttpHeaders
        readonly body: unknown
      }
    | undefined
}

export function createStats(): SimulatorStats {
  return {
    requests: 0,
    active: 0,
    completed: 0,
    cancelled: 0,
    failed: 0,
    tokensIn: 0,
    tokensOut: 0,
    last: undefined,
  }
}
