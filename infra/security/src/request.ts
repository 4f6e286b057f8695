import { type RawResult, sendRaw } from '../../../services/gateway/src/edge/test/raw.ts'
import type { Attack, Outcome } from './attack.ts'
import type { FaceName, Target } from './target.ts'

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
export function bytesOf(target: Target, face: FaceName, request: AttackRequest): Buffer {
  const { method = 'GET', path, headers = [], body, host = 'localhost', anonymous = false } = request
  const lines = [
    `${method} ${path} HTTP/1.1`,
    `Host: ${host}`,
    ...(anonymous ? [] : target.faces[face].credentials),
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
  const told = first ? `${first.status} ${first.body.slice(0, 200)}` : closed ? 'closed' : 'no answer'
  if (!first) return { kind: closed ? 'refused' : 'wrong', told }
  if (answers.length > 1) return { kind: 'wrong', told: `${answers.length} answers: ${told}` }
  if (first.status >= 500 && !MEANT.has(first.status)) return { kind: 'wrong', told }
  // Traces of a stack help nobody but an attacker.
  if (/\n\s+at .+:\d+:\d+/.test(first.body)) return { kind: 'wrong', told }
  return { kind: first.status >= 400 ? 'refused' : 'harmless', told }
}

/** An attack by one request; `check` says what else is wrong with what came of it. */
export function byRequest(
  name: string,
  face: FaceName,
  request: AttackRequest | ((target: Target) => AttackRequest),
  check?: (outcome: Outcome, result: RawResult) => string | undefined,
): Attack {
  return {
    name,
    face,
    async run(target) {
      const made = typeof request === 'function' ? request(target) : request
      const { port, tls } = target.faces[face]
      const result = await sendRaw(port, bytesOf(target, face, made), { tls, quietMs: 20, limitMs: LIMIT_MS })
      const outcome = outcomeOf(result)
      const wrong = check?.(outcome, result)
      return wrong === undefined ? outcome : { kind: 'wrong', told: `${wrong}: ${outcome.told}` }
    },
  }
}

/** A check: it must have been refused. */
export const mustBeRefused = ({ kind }: Outcome): string | undefined =>
  kind === 'refused' ? undefined : 'not refused'
