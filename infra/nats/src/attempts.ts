import { type NatsUser, USERS } from './users.ts'

export type AttemptKind = 'publish' | 'subscription'

const listOf = (user: NatsUser, kind: AttemptKind) => (kind === 'publish' ? user.publish : user.subscribe)

/** Every subject that some service may use, as somebody would really use it: each user tries all of them. */
export function attempts(kind: AttemptKind): string[] {
  const services = USERS.filter(user => user.name !== 'operator')
  return [...new Set(services.flatMap(user => listOf(user, kind)).map(example))]
}

/** Whether the matrix lets the user do it. */
export function mayDo(user: NatsUser, kind: AttemptKind, subject: string): boolean {
  return listOf(user, kind).some(pattern => matches(pattern, subject))
}

/** Wildcards become words. */
const example = (subject: string) => subject.replace(/>$/, 'a.b').replaceAll('*', 'x')

function matches(pattern: string, subject: string): boolean {
  const words = subject.split('.')
  const parts = pattern.split('.')
  for (const [i, part] of parts.entries()) {
    if (part === '>') return words.length > i
    if (words[i] === undefined || (part !== '*' && part !== words[i])) return false
  }
  return words.length === parts.length
}

/** Written by hand, so that a slip in the matrix is one here too. */
export const NEVER: ReadonlyArray<readonly [user: string, subject: string]> = [
  ['gateway', 'fluxgate.incidents.opened.x'],
  ['gateway', '$JS.API.CONSUMER.CREATE.INCIDENTS'],
  ['gateway', '$KV.leases.guard'],
  ['guard', 'fluxgate.tokens.00.settled.a.b'],
  ['guard', 'fluxgate.requests.00.completed.a.b'],
  ['guard', 'fluxgate.throttles.00.pardoned.a.b'],
  ['guard', '$JS.API.STREAM.PURGE.THROTTLES'],
  ['incident-reporter', '$KV.throttles.a.b'],
  ['incident-reporter', 'fluxgate.incidents.opened.x'],
  ['incident-reporter', '$JS.API.CONSUMER.CREATE.KV_policy'],
  ['projection', 'fluxgate.tokens.00.settled.a.b'],
  ['projection', '$KV.policy.guard'],
  ['mcp', '$KV.policy.guard'],
  ['mcp', 'fluxgate.incidents.opened.x'],
  ['dashboard', '$KV.nodes.gw-1'],
  ['dashboard', 'fluxgate.auth.00.key_created.a.b'],
  ['forensics', 'fluxgate.tokens.00.settled.a.b'],
  ['forensics', '$KV.throttles.a.b'],
  ['topology', 'fluxgate.tokens.00.settled.a.b'],
  ['topology', '$JS.API.CONSUMER.CREATE.AUTH'],
]
