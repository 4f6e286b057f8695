import type { Process } from './process.ts'
import { type Pace, takeTurns } from './turns.ts'
import { type Figures, wrk } from './wrk.ts'

/** Something that answers chat completions. */
export interface Subject {
  readonly name: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly process: Pick<Process, 'cpuMs'>
  /** A server that works for it. */
  readonly behind?: Pick<Process, 'cpuMs'>
}

export interface UnaryRun extends Figures {
  /** CPU time of the subject's process for one request. */
  readonly cpuMicros: number
  /** The same of the server behind it, 0 without one. */
  readonly behindMicros: number
}

export const JSON_HEADERS = Object.freeze({
  'content-type': 'application/json',
  authorization: 'Bearer none',
})
export const BODY = JSON.stringify({
  model: 'bench',
  max_tokens: 16,
  messages: [
    { role: 'system', content: 'You are a helpful assistant.' },
    { role: 'user', content: 'Say hello to everybody who reads this benchmark.' },
  ],
})
const CONNECTIONS = 32

/** As many chat completions as are answered, of so many callers at once. */
export function measureUnary(
  subjects: readonly Subject[],
  pace: Pace,
  connections = CONNECTIONS,
): Promise<Map<string, UnaryRun[]>> {
  return takeTurns(subjects, pace, async ({ url, headers, process, behind }, seconds) => {
    const [cpuMs, behindMs] = [await process.cpuMs(), await behind?.cpuMs()]
    const figures = await wrk({ url, headers, body: BODY, connections, seconds })
    const micros = (ms: number) => (ms * 1_000) / figures.requests
    return {
      ...figures,
      cpuMicros: micros((await process.cpuMs()) - cpuMs),
      behindMicros: behind ? micros((await behind.cpuMs()) - behindMs!) : 0,
    }
  })
}
