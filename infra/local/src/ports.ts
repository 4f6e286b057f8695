import { once } from 'node:events'
import { createServer } from 'node:net'
import { freePort } from '@fluxgate/testing'
import type { Ports } from './config.ts'

/** Who wants a port, in words for the person who has to free it. */
export interface PortUse {
  readonly port: number
  readonly variable: string
  readonly purpose: string
}

export function portUses(ports: Ports): PortUse[] {
  return [
    { port: ports.public, variable: 'PUBLIC_PORT', purpose: "the gateway's public server" },
    { port: ports.admin, variable: 'ADMIN_PORT', purpose: "the gateway's admin server" },
    { port: ports.mcp, variable: 'MCP_PORT', purpose: 'the MCP server' },
    { port: ports.dashboard, variable: 'DASHBOARD_PORT', purpose: 'the dashboard' },
  ]
}

/** One sentence for each port that cannot be had; nothing is left open. */
export async function portFaults(uses: readonly PortUse[]): Promise<string[]> {
  const faults: string[] = []
  for (const [i, { port, variable, purpose }] of uses.entries()) {
    const twin = uses.slice(0, i).find(other => other.port === port && port !== 0)
    const problem = twin ? `is also ${twin.variable}` : await portProblem(port)
    if (problem) {
      faults.push(`port ${port} ${problem}: ${purpose} needs it. Set ${variable} to another port.`)
    }
  }
  return faults
}

export async function resolvePorts(ports: Ports): Promise<Ports> {
  const chosen = async (port: number) => (port === 0 ? await freePort() : port)
  return {
    public: await chosen(ports.public),
    admin: await chosen(ports.admin),
    mcp: await chosen(ports.mcp),
    dashboard: await chosen(ports.dashboard),
  }
}

/** The first pair of free ports from the given ones on, both raised by the same number. */
export async function nextFreePair(publicPort: number, adminPort: number): Promise<[number, number]> {
  const PAIRS = 200
  for (let i = 0; i < PAIRS; i++) {
    const problems = await Promise.all([portProblem(publicPort + i), portProblem(adminPort + i)])
    if (problems.every(problem => problem === undefined)) return [publicPort + i, adminPort + i]
  }
  throw new Error(`no free pair of ports from ${publicPort} and ${adminPort} on`)
}

/** Asks for each address a server may use: some systems let two servers share a port by address. */
async function portProblem(port: number): Promise<string | undefined> {
  if (port === 0) return undefined
  for (const host of ['127.0.0.1', '0.0.0.0', '::']) {
    const server = createServer()
    try {
      server.listen({ port, host, exclusive: true })
      await once(server, 'listening')
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EADDRINUSE') return 'is taken'
      if (code === 'EACCES') return 'may not be used by this user'
      // No such address family here.
    } finally {
      await new Promise(done => server.close(done))
    }
  }
  return undefined
}
