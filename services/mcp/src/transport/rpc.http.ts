import {
  type AuthInfo,
  createMcpHandler,
  isInitializeRequest,
  isLegacyRequest,
  legacyStatelessFallback,
  type McpServer,
  type ServerEventBus,
} from '@modelcontextprotocol/server'
import type { Caller } from '../calls/index.ts'
import { type SessionLimits, Sessions } from './sessions.timer.ts'

export interface RpcParts {
  readonly serverFor: (caller: Caller) => McpServer
  /** Changes that clients may listen to. */
  readonly bus: ServerEventBus
  readonly limits: SessionLimits
  readonly nowMs: () => number
  readonly onRefused: (error: Error) => void
}

export type RpcAnswer = Response | { readonly kind: 'too_many_sessions' | 'unknown_session' | 'no_session' }

export interface Rpc extends AsyncDisposable {
  answer(request: Request, body: unknown, caller: Caller): Promise<RpcAnswer>
}

/**
 * Streamable HTTP for every revision that the SDK knows, over one set of server objects: 2026-07-28 without sessions,
 * the revisions before it in the session that the client asks for with `initialize`, or without one.
 */
export function openRpc({ serverFor, bus, limits, nowMs, onRefused }: RpcParts): Rpc {
  const factory = ({ authInfo }: { authInfo?: AuthInfo }) => serverFor(callerOf(authInfo))
  const handler = createMcpHandler(factory, { legacy: 'reject', onerror: onRefused, bus })
  const single = legacyStatelessFallback(factory, onRefused)
  const onFault = (error: unknown) => onRefused(error as Error)
  const sessions = new Sessions(limits, { serverFor, bus, nowMs, onFault })

  async function inSession(request: Request, body: unknown, caller: Caller): Promise<RpcAnswer | 'without'> {
    const id = request.headers.get('mcp-session-id')
    const begins = id === null && isInitializeRequest(body)
    if (id === null && !begins) return request.method === 'POST' ? 'without' : { kind: 'no_session' }
    const session = id === null ? await sessions.open(caller) : sessions.find(id, caller)
    if (!session) return { kind: begins ? 'too_many_sessions' : 'unknown_session' }
    try {
      return await session.transport.handleRequest(request, {
        parsedBody: body,
        authInfo: authInfoOf(caller),
      })
    } finally {
      if (begins) await sessions.endUnlessBegun(session)
    }
  }

  return {
    async answer(request, body, caller) {
      const options = { parsedBody: body, authInfo: authInfoOf(caller) }
      if (request.method === 'POST' && !(await isLegacyRequest(request, body))) {
        return handler.fetch(request, options)
      }
      const answer = await inSession(request, body, caller)
      return answer === 'without' ? single(request, options) : answer
    },
    async [Symbol.asyncDispose]() {
      await handler.close()
      await sessions[Symbol.asyncDispose]()
    },
  }
}

/** The token stays outside: what tools get to know is who calls. */
function authInfoOf(caller: Caller): AuthInfo {
  return { token: '', clientId: caller.name, scopes: [], extra: { caller } }
}

function callerOf(authInfo: AuthInfo | undefined): Caller {
  const caller = authInfo?.extra?.caller
  if (!caller) throw new Error('a request without a caller has passed')
  return caller as Caller
}
