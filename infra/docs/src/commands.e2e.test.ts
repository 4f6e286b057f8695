import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { GuardPolicy, jsonParser, PriceList } from '@fluxgate/contracts'
import { parseUpstreamsFile } from '@fluxgate/gateway/testing'
import { testNats } from '@fluxgate/testing'
import { type System, startSystem } from '../../e2e/system.ts'
import { type Block, blocksOf, documents, ROOT } from './markdown.ts'

/** Languages whose blocks are run; blocks of others are no commands. */
const RUN: Readonly<Record<string, (block: Block) => Promise<void>>> = {
  sh: runShell,
  js: runScript,
  py: runPython,
  json: readJson,
}
const NOT_RUN = new Set(['text', 'mermaid', 'ts', 'yaml', 'sql', 'ini', 'http'])
const LIMIT_MS = 60_000
const UPSTREAM_DEFAULTS = {
  connectTimeoutMs: 1,
  firstByteTimeoutMs: 1,
  idleTimeoutMs: 1,
  maxUpstreamConnections: 1,
}
const TAIL_SECONDS = 2
const REQUEST = 'req_01M845A34FRTWMZH0RPJBVCM2F'

const stack = new AsyncDisposableStack()
let system: System
let directory: string
/** Words of the documents, and what stands for them in this system. */
let words: ReadonlyArray<readonly [string, string]>
let env: Record<string, string | undefined>

before(async () => {
  const nats = stack.use(await testNats())
  // All calls of the documents together are a flood.
  system = stack.use(await startSystem(undefined, { DRAIN_THRESHOLD: '1000000', MAX_LOOP_DELAY: '0' }))
  const { connection, dataDir } = system
  directory = await mkdtemp(join(tmpdir(), 'fluxgate-documents-'))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  await symlink(dataDir, join(directory, '.fluxgate'))
  await symlink(join(ROOT, 'node_modules'), join(directory, 'node_modules'))
  words = [
    ['https://localhost:8443', connection.publicUrl],
    ['127.0.0.1:9090', new URL(connection.adminUrl).host],
    ['localhost:9090', new URL(connection.adminUrl).host],
    ['http://localhost:3000', connection.dashboardUrl],
    ['http://127.0.0.1:8000/mcp', connection.mcpUrl],
    ['sk_live_…', connection.apiKey],
    ['nats://other:4222', nats.url],
    [REQUEST, await oneRequest()],
  ]
  env = {
    ...process.env,
    ...system.env,
    NODE_TEST_CONTEXT: undefined,
    FLUXGATE_DATA_DIR: '.fluxgate',
    FLUXGATE_KEY: connection.apiKey,
    ADMIN_TOKEN: connection.adminToken,
    NODE_EXTRA_CA_CERTS: connection.tlsCertPath,
    SSL_CERT_FILE: connection.tlsCertPath,
    // A test installs nothing.
    FLUXGATE_INSTALLING: '1',
    // A third of the start of each command.
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(directory, 'compiled'),
  }
})
after(() => stack.disposeAsync())

/** The id of a call whose facts are in the log. */
async function oneRequest(): Promise<string> {
  const { publicUrl, apiKey, tlsCertPath } = system.connection
  const body = '{"model":"phi4-mini","messages":[{"role":"user","content":"Say hello."}]}'
  const headers = ['-H', `authorization: Bearer ${apiKey}`, '-H', 'content-type: application/json']
  const args = [
    '-sS',
    '--cacert',
    tlsCertPath,
    '-D',
    '-',
    ...headers,
    '-d',
    body,
    `${publicUrl}/v1/chat/completions`,
  ]
  const { stdout } = await run('curl', args)
  return /^x-request-id: (\S+)/im.exec(stdout)?.[1] ?? assert.fail(stdout)
}

interface Ran {
  readonly code: number | string
  readonly stdout: string
  readonly stderr: string
}

function run(command: string, args: readonly string[]): Promise<Ran> {
  return new Promise(resolve => {
    const options = { cwd: directory, env, timeout: LIMIT_MS, maxBuffer: 64 * 1024 * 1024 }
    execFile(command, args, options, (error, stdout, stderr) =>
      resolve({ code: error ? (error.code ?? error.signal ?? 'killed') : 0, stdout, stderr }),
    )
  })
}

function substituted(code: string): string {
  return words.reduce((text, [word, real]) => text.replaceAll(word, real), code)
}

/**
 * The block as one script that ends at the first command that fails. `npm run forensics` is taken without npm, which would
 * take longer than the command; a test of its own takes it with npm.
 */
async function runShell(block: Block): Promise<void> {
  const forensics = `${process.execPath} ${ROOT}/cli/src/main.ts`
  const prelude = `set -eu
npm() {
  shift; if [ "$1" = -s ]; then shift; fi
  [ "$1 $2" = "forensics --" ] || { echo "no way to run npm run $1" >&2; return 1; }
  shift 2
  if [ -z "\${NATS_URL-}" ]; then export NATS_URL DATABASE_URL; fi
  if [ "$1" = tail ]; then
    timeout --preserve-status --signal=INT ${TAIL_SECONDS} ${forensics} "$@" || [ $? = 130 ]
  elif [ "$1" = grep ]; then ${forensics} "$@" || [ $? = 1 ] # nothing found
  else ${forensics} "$@"; fi
}
`
  const script = ['-c', prelude + substituted(block.code)]
  let { code, stdout, stderr } = await run('bash', script)
  // The budget that another document sets is new to the gateway for a moment.
  for (let again = 0; again < 5 && stdout.includes('"budget_loading"'); again++) {
    await sleep(200)
    ;({ code, stdout, stderr } = await run('bash', script))
  }
  assert.equal(code, 0, `${block.document}:${block.line}\n${stdout}\n${stderr}`)
  assert.doesNotMatch(stdout, /"error":/)
  if (block.code.includes('%{http_code}')) {
    assert.match(stdout, /^200 /)
    assert.doesNotMatch(stdout, /\b[345]\d\d\b/)
  }
}

/** Documents are taken beside each other. */
function fileOf({ document, line }: Block, ending: string): string {
  return `${document.replaceAll(/\W/g, '-')}-${line}.${ending}`
}

async function runScript(block: Block): Promise<void> {
  const file = fileOf(block, 'mjs')
  await writeFile(join(directory, file), substituted(block.code))
  const { code, stdout, stderr } = await run(process.execPath, [file])
  assert.equal(code, 0, `${block.document}:${block.line}\n${stdout}\n${stderr}`)
  assert.match(stdout, /\w+/, 'it prints an answer')
}

async function runPython(block: Block): Promise<void> {
  const file = fileOf(block, 'py')
  await writeFile(join(directory, file), substituted(block.code))
  const module = /^from (\w+) import/m.exec(block.code)?.[1] ?? 'os'
  const has = (await run('python3', ['-c', `import ${module}`])).code === 0
  const { code, stdout, stderr } = await run('python3', has ? [file] : ['-m', 'py_compile', file])
  if (code === 'ENOENT') return
  assert.equal(code, 0, `${block.document}:${block.line}\n${stdout}\n${stderr}`)
}

/** Files that commands after it name; each is one of those that the gateway reads. */
async function readJson(block: Block): Promise<void> {
  const bytes = Buffer.from(block.code)
  const kinds: Record<string, boolean> = {
    'policy.json': jsonParser(GuardPolicy)(bytes).ok,
    'prices.json': jsonParser(PriceList)(bytes).ok,
    'upstreams.json': parseUpstreamsFile(block.code, () => 'a secret', UPSTREAM_DEFAULTS).ok,
  }
  const file = Object.keys(kinds).find(name => kinds[name])
  assert.ok(file, `${block.document}:${block.line} is no file that anything here reads`)
  await writeFile(join(directory, file), block.code)
}

// Some at a time: most of it is the start of a process.
describe('every command of the documents', { concurrency: 3 }, () => {
  for (const document of documents()) {
    const blocks = blocksOf(document).filter(({ language }) => !NOT_RUN.has(language))
    if (blocks.length === 0) continue
    describe(document.path, () => {
      for (const block of blocks) {
        const { covered, language, line } = block
        test(`line ${line}, ${language}${covered ? `: by ${covered.test} (${covered.reason})` : ''}`, async () => {
          if (covered) return
          const how = RUN[language]
          assert.ok(how, `nothing runs ${language}: see CONTRIBUTING.md, "Commands in documents"`)
          await how(block)
        })
      }
    })
  }
})

test('npm run forensics takes the arguments after --', async () => {
  const { code, stdout, stderr } = await run('npm', [
    '--prefix',
    ROOT,
    'run',
    '-s',
    'forensics',
    '--',
    '--help',
  ])
  assert.equal(code, 0, stderr)
  assert.match(stdout, /timeline/)
})
