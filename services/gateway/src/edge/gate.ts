import type { Route, Routes } from '../dialects/index.ts'
import { type Refusal, unknownRoute } from '../http/index.ts'

const ENCODED: Refusal = Object.freeze({
  reason: 'unsupported',
  code: 'unsupported_content_encoding',
  message: 'The body must not be compressed: send it without Content-Encoding.',
  headers: Object.freeze({ 'accept-encoding': 'identity' }),
})

const OVERLOADED: Refusal = Object.freeze({
  reason: 'overloaded',
  code: 'overloaded',
  message: 'The gateway is overloaded. Please try again.',
  retryAfterMs: 2_000,
})

/**
 * RFC 9110 section 15.5.22. Codex opens a WebSocket on `/v1/responses` and calls it over HTTP when it reads a 426.
 * The connection is closed, because what follows on it may be frames.
 */
const NO_WEBSOCKET: Refusal = Object.freeze({
  reason: 'unsupported',
  code: 'websocket_not_supported',
  message: 'WebSockets are not served here: call this route over HTTP.',
  headers: Object.freeze({ upgrade: 'HTTP/1.1', connection: 'close, upgrade' }),
  status: 426,
})

/** A call as its head says it is. */
export interface CallHead {
  readonly method: string
  readonly path: string
  readonly contentEncoding: string | undefined
  readonly upgrade: string | undefined
}

export type Gate =
  | { readonly kind: 'route'; readonly route: Route }
  /** Refused whoever asks. */
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  /** The path is not served: said after the key was checked, so that it counts for its caller. */
  | { readonly kind: 'unknown'; readonly refusal: Refusal }

/** What a call's head leads to, before a byte of its body is read. */
export function gateOf(head: CallHead, routes: Routes, overloaded: boolean): Gate {
  if (overloaded) return { kind: 'refused', refusal: OVERLOADED }
  const { method, path, contentEncoding, upgrade } = head
  const match = routes.match(method, path)
  if (match.kind === 'unknown') return { kind: 'unknown', refusal: unknownRoute(method, path) }
  // `h2c` of some HTTP clients is an offer that a server may ignore (RFC 9110 section 7.8).
  if (upgrade?.toLowerCase() === 'websocket') return { kind: 'refused', refusal: NO_WEBSOCKET }
  if (match.kind === 'method') return { kind: 'refused', refusal: wrongMethod(head, match.allow) }
  if (contentEncoding !== undefined && contentEncoding.toLowerCase() !== 'identity')
    return { kind: 'refused', refusal: ENCODED }
  return match
}

function wrongMethod({ method, path }: CallHead, allow: string): Refusal {
  return {
    reason: 'method_not_allowed',
    code: 'method_not_allowed',
    message: `${method} is not allowed for ${path.slice(0, 256)}: use ${allow}.`,
    headers: { allow },
  }
}
