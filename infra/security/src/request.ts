import { type RawResult, sendRaw } from '@fluxgate/gateway/testing'
import type { Attack, Outcome } from './attack.ts'
import type { ApiName, Target } from './target.ts'

export interface AttackRequest {
  readonly method?: string
  readonly path: string
  readonly headers?: readonly string[]
  readonly body?: string | Buffer
  /** Instead of `Host: localhost`. */
  readonly host?: string
  /** Without the face's own credentials. */
  readonly anonymous?: boolean
}

/** For an answer: longer than a busy machine needs for it. */
export const LIMIT_MS = 30_000

/** Bytes of a request as they are written, with what opens the face unless it comes as a stranger. */
export function bytesOf(target: Target, api: ApiName, request: AttackRequest): Buffer {
  const { method = 'GET', path, headers = [], body, host = 'localhost', anonymous = false } = request
  const lines = [
    `${method} ${path} HTTP/1.1`,
    `Host: ${host}`,
    ...(anonymous ? [] : target.apis[api].credentials),
    ...headers,
    ...(body === undefined ? [] : [`Content-Length: ${Buffer.byteLength(body)}`]),
  ]
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  return body === undefined ? head : Buffer.concat([head, Buffer.from(body)])
}

/** Statuses at or above 500 that say something about the system's limits, and not that it broke. */
const MEANT = new Set([501, 503, 505])

export function outcomeOf({ answers, closed }: RawResult): Outcome {
  const [first] = answers
  const reported = first ? `${first.status} ${first.body.slice(0, 200)}` : closed ? 'closed' : 'no answer'
  if (!first) return { kind: closed ? 'refused' : 'wrong', reported }
  if (answers.length > 1) return { kind: 'wrong', reported: `${answers.length} answers: ${reported}` }
  if (first.status >= 500 && !MEANT.has(first.status)) return { kind: 'wrong', reported }
  // Traces of a stack help nobody but an attacker.
  if (/\n\s+at .+:\d+:\d+/.test(first.body)) return { kind: 'wrong', reported }
  return { kind: first.status >= 400 ? 'refused' : 'harmless', reported }
}

/** An attack by one request; `check` says what else is wrong with what came of it. */
export function byRequest(
  name: string,
  api: ApiName,
  request: AttackRequest | ((target: Target) => AttackRequest),
  check?: (outcome: Outcome, result: RawResult) => string | undefined,
): Attack {
  return {
    name,
    api,
    async run(target) {
      const made = typeof request === 'function' ? request(target) : request
      const { port, tls } = target.apis[api]
      const result = await sendRaw(port, bytesOf(target, api, made), { tls, quietMs: 20, limitMs: LIMIT_MS })
      const outcome = outcomeOf(result)
      const wrong = check?.(outcome, result)
      return wrong === undefined ? outcome : { kind: 'wrong', reported: `${wrong}: ${outcome.reported}` }
    },
  }
}

/** A check: it must have been refused. */
export const mustBeRefused = ({ kind }: Outcome): string | undefined =>
  kind === 'refused' ? undefined : 'not refused'
