import { randomUUID } from 'node:crypto'
import {
  type McpServer,
  type ServerEventBus,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server'
import type { Caller } from '../calls/index.ts'

export interface SessionLimits {
  /** Sessions at once, of all callers and of one. */
  readonly maxSessions: number
  readonly maxSessionsOfCaller: number
  /** A session that is not used for so long is ended. */
  readonly sessionIdleMs: number
  /** A session ends after so long, however much it is used. */
  readonly sessionMaxMs: number
}

export interface Session {
  readonly transport: WebStandardStreamableHTTPServerTransport
  readonly server: McpServer
}

interface OpenSession extends Session {
  readonly actor: string
  readonly begunMs: number
  usedMs: number
}

interface Tools {
  readonly serverFor: (caller: Caller) => McpServer
  readonly bus: ServerEventBus
  readonly nowMs: () => number
  /** A session that could not be closed, or whose call threw: it ends alone. */
  readonly onFault: (error: unknown) => void
}

/**
 * Sessions of clients that speak a revision before 2026-07-28 (MCP 2025-11-25, "Session Management"). A session is its
 * caller's own: for anybody else it does not exist.
 */
export class Sessions implements AsyncDisposable {
  readonly #limits: SessionLimits
  readonly #tools: Tools
  readonly #sessions = new Map<string, OpenSession>()
  /** Callers whose client has not initialized its session yet, by the session's server. */
  readonly #beginning = new Map<McpServer, string>()

  readonly #timer = setInterval(() => this.endOld(), END_OLD_EVERY_MS).unref()

  constructor(limits: SessionLimits, tools: Tools) {
    this.#limits = limits
    this.#tools = tools
  }

  get size(): number {
    return this.#sessions.size
  }

  /** Undefined when there are as many as may be. The session is stored once its client has initialized it. */
  async open(caller: Caller): Promise<Session | undefined> {
    const { maxSessions, maxSessionsOfCaller } = this.#limits
    this.endOld()
    const actors = [...this.#beginning.values(), ...Array.from(this.#sessions.values(), ({ actor }) => actor)]
    const own = actors.filter(actor => actor === caller.name).length
    if (actors.length >= maxSessions || own >= maxSessionsOfCaller) return undefined
    const server = this.#tools.serverFor(caller)
    const now = this.#tools.nowMs()
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: id => {
        const session = { transport, actor: caller.name, server, begunMs: now, usedMs: now }
        this.#sessions.set(id, session)
        this.#beginning.delete(server)
      },
    })
    this.#beginning.set(server, caller.name)
    const unfollow = followResources(server, this.#tools.bus)
    server.server.onclose = () => {
      unfollow()
      this.#beginning.delete(server)
      if (transport.sessionId !== undefined) this.#sessions.delete(transport.sessionId)
    }
    try {
      await server.connect(transport)
    } catch (error) {
      unfollow()
      this.#beginning.delete(server)
      throw error
    }
    return { transport, server }
  }

  /** Ends a session that its client has asked for and not begun: nothing would end it later. */
  async endUnlessBegun({ transport, server }: Session): Promise<void> {
    if (transport.sessionId === undefined) await this.#close(server)
  }

  /** The caller's session of this id; one that is over is as unknown as one that never was. */
  find(id: string, caller: Caller): Session | undefined {
    this.endOld()
    const session = this.#sessions.get(id)
    if (session?.actor !== caller.name) return undefined
    session.usedMs = this.#tools.nowMs()
    return session
  }

  endOld(): void {
    const now = this.#tools.nowMs()
    const { sessionIdleMs, sessionMaxMs } = this.#limits
    for (const [id, { server, usedMs, begunMs }] of this.#sessions) {
      if (now - usedMs <= sessionIdleMs && now - begunMs <= sessionMaxMs) continue
      this.#sessions.delete(id)
      void this.#close(server)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(Array.from(this.#sessions.values(), ({ server }) => this.#close(server)))
  }

  /** Called by a timer too, where a rejection would end the process. */
  async #close(server: McpServer): Promise<void> {
    try {
      await server.close()
    } catch (error) {
      this.#tools.onFault(error)
    }
  }
}

/** `resources/subscribe` and what follows of it. @returns how to stop */
export function followResources({ server }: McpServer, bus: ServerEventBus): () => void {
  if (!server.getCapabilities().resources) return () => {}
  const watched = new Set<string>()
  server.registerCapabilities({ resources: { subscribe: true } })
  server.setRequestHandler('resources/subscribe', ({ params }) => {
    if (watched.size < MAX_WATCHED) watched.add(params.uri)
    return {}
  })
  server.setRequestHandler('resources/unsubscribe', ({ params }) => {
    watched.delete(params.uri)
    return {}
  })
  return bus.subscribe(event => {
    if (event.kind === 'resources_list_changed') return void server.sendResourceListChanged().catch(() => {})
    if (event.kind !== 'resource_updated' || !watched.has(event.uri)) return
    // A client that does not listen misses it, as the specification has it.
    server.sendResourceUpdated({ uri: event.uri }).catch(() => {})
  })
}

const END_OLD_EVERY_MS = 60_000
/** Resources that one session may watch. */
const MAX_WATCHED = 200
