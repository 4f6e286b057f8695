import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { openDatabase } from '@fluxgate/read-model'
import { eventually, freePort } from '@fluxgate/testing'
import { type Connection, readConnection } from './connection.ts'
import { readFigures } from './figures.ts'
import { isProcess } from './leftovers.ts'

const START_LIMIT_MS = 60_000
const STOP_LIMIT_MS = 3_000
const dataDir = mkdtempSync(join(tmpdir(), 'fluxgate-start-'))
const env = {
  ...process.env,
  FLUXGATE_DATA_DIR: dataDir,
  PUBLIC_PORT: String(await freePort()),
  ADMIN_PORT: String(await freePort()),
  MCP_PORT: String(await freePort()),
  DASHBOARD_PORT: String(await freePort()),
  OLLAMA_URL: `http://127.0.0.1:${await freePort()}`,
}
const started: ChildProcess[] = []
after(() => {
  for (const child of started) child.kill('SIGKILL')
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
})

test('npm start serves a request, keeps its data over a stop, and leaves nothing behind', async () => {
  const first = await start()
  assert.match(await chat(first.connection), /"finish_reason":"stop".*\[DONE\]/s)
  const { dashboardUrl, mcpUrl, databaseUrl } = first.connection
  for (const url of [`${dashboardUrl}/health`, mcpUrl.replace('/mcp', '/health')]) {
    assert.equal((await fetch(url)).status, 200, url)
  }
  await counted(databaseUrl, 1)
  const processes = children()
  assert.equal(Object.keys(processes).length, 9)

  const stoppedMs = performance.now()
  // Ctrl-C as npm and the terminal pass it on: more than once, but one press.
  first.child.kill('SIGINT')
  first.child.kill('SIGINT')
  const [code] = await once(first.child, 'exit')
  const tookMs = performance.now() - stoppedMs
  assert.equal(code, 0, first.output())
  assert.ok(tookMs < STOP_LIMIT_MS, `stopped in ${tookMs} ms`)
  assert.match(first.output(), /Stopped\. The data stays/)
  assert.deepEqual(await alive(processes), [])

  const second = await start()
  assert.equal(second.connection.apiKey, first.connection.apiKey)
  assert.equal(second.connection.operatorPassword, first.connection.operatorPassword)
  await chat(second.connection)
  await counted(second.connection.databaseUrl, 2)
  const again = children()
  second.child.kill('SIGKILL')
  await eventually(async () => (await alive(again)).length === 0, { timeoutMs: 15_000 })
})

async function start() {
  const main = join(import.meta.dirname, 'start.ts')
  const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  started.push(child)
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', chunk => {
      text += chunk
    })
  }
  const ended = once(child, 'exit').then(([code]) => assert.fail(`ended with ${code}: ${text}`))
  const up = eventually(
    async () => {
      const found = await readConnection(dataDir)
      return found?.pid === child.pid ? found : false
    },
    { timeoutMs: START_LIMIT_MS },
  )
  ended.catch(() => {})
  const connection = await Promise.race([up, ended])
  assert.ok(connection)
  return { child, connection, output: () => text }
}

function chat({ publicUrl, tlsCertPath, apiKey }: Connection): Promise<string> {
  const body = { model: 'phi4-mini', stream: true, messages: [{ role: 'user', content: 'Hello' }] }
  return new Promise((resolve, reject) => {
    const sent = request(
      `${publicUrl}/v1/chat/completions`,
      {
        method: 'POST',
        ca: readFileSync(tlsCertPath ?? ''),
        headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
        agent: false,
      },
      reply => {
        let text = ''
        reply.on('data', chunk => {
          text += chunk
        })
        reply.on('end', () => resolve(text))
        reply.on('error', reject)
      },
    )
    sent.on('error', reject)
    sent.end(JSON.stringify(body))
  })
}

/** The projection has so many requests, and tokens with them. */
async function counted(databaseUrl: string, requests: number): Promise<void> {
  await using db = openDatabase(databaseUrl, { max: 1 })
  await eventually(async () => {
    const figures = await readFigures(db, Date.now())
    assert.equal(figures.requests, requests)
    assert.ok(figures.tokens > 0)
  })
}

interface Processes {
  readonly [name: string]: { readonly pid: number; readonly marker: string }
}

function children(): Processes {
  return JSON.parse(readFileSync(join(dataDir, 'processes.json'), 'utf8')) as Processes
}

async function alive(processes: Processes): Promise<string[]> {
  const names: string[] = []
  for (const [name, { pid, marker }] of Object.entries(processes)) {
    if (await isProcess(pid, marker)) names.push(name)
  }
  return names
}
