/** RFC 9110 section 7.6.1 and what else speaks of one connection only. */
export const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]

/** Never passed on, whatever a setting says: credentials, accounts, addresses, and what is set anew. */
const NEVER_PASSED: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  'accept-encoding',
  'api-key',
  'authorization',
  'content-length',
  'cookie',
  'expect',
  'forwarded',
  'host',
  'openai-organization',
  'openai-project',
  'origin',
  'referer',
  'via',
  'x-api-key',
  'x-goog-api-key',
  'x-goog-user-project',
  'x-real-ip',
  'x-request-id',
  'x-fluxgate-forward-token',
])
const FIELD_NAME = /^[a-z0-9-]{1,64}$/

/** Why a header may not be passed on by `FORWARD_HEADERS`, or undefined. Names with `_` are read as another by some servers. */
export function unpassable(name: string): string | undefined {
  if (!FIELD_NAME.test(name)) return 'is not a header name of letters, digits and -'
  const isSecret = NEVER_PASSED.has(name) || name.startsWith('x-forwarded-') || name.startsWith('x-amz-')
  return isSecret ? 'is a credential or belongs to the connection' : undefined
}
