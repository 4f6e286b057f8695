import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, request as httpRequest } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { parseArgs } from 'node:util'
import { startBench, TOKEN } from '../src/test-bench.ts'
import { REQUEST_STATE } from './conformance-asking.ts'
import { addFixtures } from './conformance-fixtures.ts'

/** Revisions of the protocol that the suite has frozen requirements for. */
export const REVISIONS = ['2026-07-28', '2025-11-25'] as const

const SUITE = join(
  dirname(createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/package.json')),
  'dist/index.js',
)
/** The suite calls as fast as it can. */
const UNLIMITED = { MCP_CALLS_PER_MINUTE: '1000000', MCP_CALL_BURST: '1000000' }

export interface Conformance {
  readonly output: string
  readonly exitCode: number
  /** As the suite sums them up. */
  readonly scenarios: readonly Scenario[]
}

export interface Scenario {
  readonly name: string
  readonly passed: number
  readonly failed: number
  /** Whether the revision requires it of a server; what it does not require is run, and not scored. */
  readonly isRequired: boolean
}

/** The product over a real log and real tables, with the suite's fixtures, at an address that asks for no token. */
export interface Dressed extends AsyncDisposable {
  readonly url: string
}

export async function startDressed(): Promise<Dressed> {
  await using stack = new AsyncDisposableStack()
  const fixtures = { options: { requestState: REQUEST_STATE }, add: addFixtures }
  const bench = stack.use(await startBench(UNLIMITED, { fixtures }))
  const proxy = stack.use(await startProxy(bench.url))
  const owned = stack.move()
  return {
    url: `http://127.0.0.1:${proxy.port}/mcp`,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** Adds the token that the suite cannot send, and leaves all else as it is. */
async function startProxy({ port }: URL) {
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

/** Runs the suite's server scenarios that a revision requires. */
export async function runConformance(
  url: string,
  revision: (typeof REVISIONS)[number],
): Promise<Conformance> {
  const out = await mkdtemp(join(tmpdir(), 'fluxgate-conformance-'))
  try {
    const args = [SUITE, 'server', '--url', url, '--requirements', revision, '-o', out]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const [output, faults, [exitCode]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit'),
    ])
    return { output: output + faults, exitCode, scenarios: scenariosOf(output) }
  } finally {
    await rm(out, { recursive: true, force: true })
  }
}

function scenariosOf(output: string): Scenario[] {
  const [, summary = ''] = output.split('=== SUMMARY ===')
  const [scored = '', notScored = ''] = summary.split('Not scored')
  const others = new Set(Array.from(notScored.matchAll(/^\s+[✓✗] (\S+) \(/gm), ([, name]) => name))
  return Array.from(
    scored.matchAll(/^[✓✗] (\S+): (\d+) passed, (\d+) failed/gm),
    ([, name = '', passed, failed]) => ({
      name,
      passed: Number(passed),
      failed: Number(failed),
      isRequired: !others.has(name),
    }),
  )
}

/** `npm run fluxgate -- mcp:conformance [--serve]`: the result of every scenario, or a server with the fixtures until Ctrl-C. */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { serve: { type: 'boolean', default: false } } })
  if (process.env.NODE_ENV === 'production') {
    console.error('conformance: the fixtures are for tests; NODE_ENV is production')
    process.exitCode = 2
    return
  }
  await using dressed = await startDressed()
  if (values.serve) {
    console.log(dressed.url)
    await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
    return
  }
  console.log('| revision | scenario | checks passed | failed | required |\n|---|---|---|---|---|')
  let [required, good] = [0, 0]
  for (const revision of REVISIONS) {
    const { output, exitCode, scenarios } = await runConformance(dressed.url, revision)
    for (const { name, passed, failed, isRequired } of scenarios) {
      console.log(`| ${revision} | ${name} | ${passed} | ${failed} | ${isRequired ? 'yes' : 'no'} |`)
    }
    const scored = scenarios.filter(({ isRequired }) => isRequired)
    required += scored.length
    good += scored.filter(({ failed }) => failed === 0).length
    if (exitCode === 0) continue
    process.exitCode = 1
    console.error(output)
  }
  console.log(`\n${good} of ${required} required scenarios pass.`)
}

if (import.meta.main) void main()
