import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, request as httpRequest } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { GuardPolicy } from '@fluxgate/contracts'
import { readConfig } from '@fluxgate/runtime'
import { InMemoryServerEventBus } from '@modelcontextprotocol/server'
import { readStdioConfig } from '../src/config.ts'
import { LOOPBACK_HOSTS } from '../src/core/allowed-source.ts'
import { OPERATOR } from '../src/core/caller.ts'
import type { Desk } from '../src/core/desk.ts'
import { Fault } from '../src/core/fault.ts'
import { fixedToken } from '../src/in/authenticate.ts'
import { startHttp } from '../src/in/http-face.ts'
import { buildServer } from '../src/in/mcp-server.ts'
import { resourceReader } from '../src/in/read-resource.ts'
import { toolRunner } from '../src/in/run-tool.ts'
import { TOOLBOX } from '../src/in/toolbox.ts'
import { addFixtures, REQUEST_STATE } from './conformance-fixtures.ts'

/** Revisions of the protocol that the suite has frozen requirements for. */
export const REVISIONS = ['2026-07-28', '2025-11-25'] as const

const SUITE = join(
  dirname(createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/package.json')),
  'dist/index.js',
)
const TOKEN = 'operator-token-of-the-suite'
const silent = { info() {}, warn() {}, error() {} }

export interface Conformance {
  readonly output: string
  readonly exitCode: number
}

/**
 * Runs the suite's server scenarios against the product's HTTP face with the product's tools and the suite's fixtures.
 */
export async function runConformance(revision: (typeof REVISIONS)[number]): Promise<Conformance> {
  const env = { NATS_URL: 'nats://127.0.0.1:1', DATABASE_URL: 'postgres://127.0.0.1:1/none' }
  const { limits, guardPolicy } = readConfig(env, readStdioConfig)
  const desk = deskAway(guardPolicy)
  const runner = toolRunner(desk, limits, silent)
  const read = resourceReader(desk, limits, silent)
  const bus = new InMemoryServerEventBus()
  await using face = await startHttp(
    { host: '127.0.0.1', port: 0 },
    {
      ...{ limits, log: silent, checks: {}, authenticate: fixedToken(TOKEN, OPERATOR) },
      allowed: { hosts: new Set(LOOPBACK_HOSTS), origins: new Set<string>() },
      bus,
      serverFor(caller) {
        const server = buildServer(TOOLBOX, caller, runner, read, { requestState: REQUEST_STATE })
        addFixtures(server, bus)
        return server
      },
    },
  )
  await using proxy = await startProxy(face.port)
  return await runSuite(`http://127.0.0.1:${proxy.port}/mcp`, revision)
}

/** A desk that has a policy, and neither log nor Postgres: the suite asks for its own fixtures. */
function deskAway(defaultPolicy: GuardPolicy): Desk {
  const away = async () => {
    throw new Fault('FLUXGATE_READ_MODEL_AWAY', 'Not here.')
  }
  const tables = { incidents: away, topIdentities: away }
  const control = { guardPolicy: async () => undefined }
  const reader = { ask: away, views: away }
  return { nowMs: Date.now, defaultPolicy, tables, control, reader } as unknown as Desk
}

/** Adds the token that the suite cannot send, and leaves all else as it is. */
async function startProxy(port: number) {
  const server = createServer((request, response) => {
    const headers = { ...request.headers, authorization: `Bearer ${TOKEN}` }
    const asking = httpRequest({
      host: '127.0.0.1',
      port,
      method: request.method,
      path: request.url,
      headers,
    })
    response.on('close', () => asking.destroy())
    asking.on('error', () => response.destroy())
    asking.on('response', answer => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    request.pipe(asking)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

async function runSuite(url: string, revision: string): Promise<Conformance> {
  const out = await mkdtemp(join(tmpdir(), 'fluxgate-conformance-'))
  try {
    const args = [SUITE, 'server', '--url', url, '--requirements', revision, '-o', out]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const [output, faults, [exitCode]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit'),
    ])
    return { output: output + faults, exitCode }
  } finally {
    await rm(out, { recursive: true, force: true })
  }
}

if (import.meta.main) {
  for (const revision of REVISIONS) {
    const { output, exitCode } = await runConformance(revision)
    console.log(output)
    if (exitCode !== 0) process.exitCode = 1
  }
}
