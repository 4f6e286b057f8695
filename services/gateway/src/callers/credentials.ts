import { KEY_PREFIX } from '../accounts/index.ts'
import type { KeyAnswer } from '../http/index.ts'

type Headers = Readonly<Record<string, string | string[] | undefined>>

/** What a request presents: what may be a key, the likeliest first, and what was wrong where there is none. */
export interface Credentials {
  readonly keys: readonly string[]
  readonly problem: CredentialProblem
}

export type CredentialProblem = 'none' | 'scheme' | 'empty'

const BEARER = /^bearer(?: |$)/i

/**
 * `Authorization: Bearer` (RFC 6750 section 2.1) and Anthropic's `x-api-key`. Clients that are configured for two vendors
 * send both, so each may hold the good one. Never the query: it would be logged.
 */
export function credentialsOf(headers: Headers): Credentials {
  const { authorization, 'x-api-key': apiKey } = headers
  const bearer = typeof authorization === 'string' ? authorization.trim() : ''
  const isBearer = BEARER.test(bearer)
  const token = isBearer ? bearer.slice('bearer'.length).trim() : ''
  const key = typeof apiKey === 'string' ? apiKey.trim() : ''
  const given = [token, key].filter(text => text !== '')
  const keys =
    given.length === 2 && key.startsWith(KEY_PREFIX) && !token.startsWith(KEY_PREFIX) ? [key, token] : given
  if (bearer !== '' && !isBearer) return { keys, problem: 'scheme' }
  return { keys, problem: isBearer || apiKey !== undefined ? 'empty' : 'none' }
}

type Lookup = (text: string) => KeyAnswer | Promise<KeyAnswer>

/** The answer to the first key that is accepted; else to the likeliest. A promise only where a key is not cached. */
export function lookUpCredentials(
  { keys, problem }: Credentials,
  lookup: Lookup,
): KeyAnswer | Promise<KeyAnswer> {
  const [first, second] = keys
  if (first === undefined) return { kind: 'rejected', reason: 'missing', problem }
  const answer = lookup(first)
  if (second === undefined || second === first) return answer
  return answer instanceof Promise
    ? answer.then(found => orElse(found, second, lookup))
    : orElse(answer, second, lookup)
}

function orElse(found: KeyAnswer, second: string, lookup: Lookup): KeyAnswer | Promise<KeyAnswer> {
  if (found.kind !== 'rejected') return found
  const other = lookup(second)
  const better = (answer: KeyAnswer): KeyAnswer => (answer.kind === 'rejected' ? found : answer)
  return other instanceof Promise ? other.then(better) : better(other)
}
