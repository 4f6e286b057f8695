import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { runCommand } from './bootstrap/commands.mjs'
import { install } from './bootstrap/install.mjs'
import { wantBaselines, wantBenchTools, wantChromium } from './bootstrap/native-tools.mjs'
import { olderServers, useNatsServer } from './bootstrap/nats-server.mjs'
import { buildPage, PAGE } from './bootstrap/page.mjs'
import { NODE_FLAGS, pinnedNode } from './bootstrap/pinned-node.mjs'
import { foreground, npm, ROOT, UserError } from './bootstrap/processes.mjs'
import { testRequest, unitRequest } from './bootstrap/tests.mjs'

/**
 * The first step of every command, in plain JavaScript for Node 20 and newer: installs what is missing on a fresh
 * machine, then hands over to TypeScript on the pinned Node.
 */
const COMMANDS = { start, dev, test, unit, gateway, forensics, bench, chaos, fluxgate }

async function start() {
  await install()
  if (!process.env.NATS_URL) await useNatsServer({ why: ', or set NATS_URL to a running server' })
  await buildPage()
  return foreground(await pinnedNode(), [...NODE_FLAGS, 'infra/local/src/start.ts'], { ipc: true })
}

/** The same with services that start again as files change, and Vite's server for the page on port 5173. */
async function dev() {
  await install()
  if (!process.env.NATS_URL) await useNatsServer({ why: ', or set NATS_URL to a running server' })
  await buildPage()
  const node = await pinnedNode()
  const vite = join(ROOT, 'node_modules', 'vite', 'bin', 'vite.js')
  const over = new AbortController()
  const page = foreground(node, [vite, '--config', 'services/dashboard/vite.config.ts'], {
    signal: over.signal,
  })
  const code = await foreground(node, [...NODE_FLAGS, 'infra/local/src/start.ts', '--watch'], { ipc: true })
  over.abort()
  await page.catch(() => {})
  return code
}

async function gateway() {
  await install()
  return foreground(await pinnedNode(), [...NODE_FLAGS, 'infra/local/src/gateway.ts'], { ipc: true })
}

async function forensics(args) {
  await install()
  const main = join(ROOT, 'cli', 'src', 'main.ts')
  const cwd = process.env.INIT_CWD ?? process.cwd()
  return foreground(await pinnedNode(), [...NODE_FLAGS, main, ...args], { cwd, env: runningSystem() })
}

/** All else that can be done here, by name. */
async function fluxgate(args) {
  await install()
  return runCommand(args)
}

async function bench(args) {
  await install()
  await useNatsServer()
  await wantBenchTools()
  return foreground(await pinnedNode(), [...NODE_FLAGS, join(ROOT, 'infra', 'bench', 'main.ts'), ...args])
}

async function chaos(args) {
  await install()
  await useNatsServer()
  return foreground(await pinnedNode(), [...NODE_FLAGS, join(ROOT, 'infra', 'chaos', 'main.ts'), ...args])
}

/** With file patterns only their tests run, with what they need; the whole run checks types, style and architecture first. */
async function test(args) {
  const request = testRequest(args)
  const { needs } = request
  await install()
  if (needs.natsServer) await useNatsServer(request.nats === undefined ? {} : { wanted: request.nats })
  const servers = request.needsOlderServers ? await olderServers() : {}
  if (needs.chromium) await wantChromium()
  if (needs.baselines) await wantBaselines()
  const node = await pinnedNode()
  if (request.isWhole) {
    console.log('Checking types, style and architecture.')
    const { code, output } = await npm(['run', '--silent', 'check'], withNode(node))
    if (code !== 0) throw new UserError(`${output.trim()}\n\nThe check failed; no test was run.`)
  }
  if (needs.page) await buildPage()
  return foreground(node, [...NODE_FLAGS, ...request.args], {
    env: {
      ...process.env,
      ...withNode(node),
      ...request.env,
      FLUXGATE_TEST_SERVERS: JSON.stringify(servers),
      ...(needs.page && { FLUXGATE_TEST_PAGE: PAGE }),
    },
  })
}

/** Tests that need no server, no browser and no build. */
async function unit(args) {
  const request = unitRequest(args)
  await install()
  const node = await pinnedNode()
  return foreground(node, [...NODE_FLAGS, ...request.args], { env: { ...process.env, ...withNode(node) } })
}

/** Scripts that say `node` get the pinned one. */
function withNode(node) {
  return { PATH: [join(ROOT, 'node_modules', '.bin'), resolve(node, '..'), process.env.PATH].join(':') }
}

/** The log that `npm start` runs here, unless the environment names another. */
function runningSystem() {
  const file = join(resolve(ROOT, process.env.FLUXGATE_DATA_DIR ?? '.fluxgate'), 'connection.json')
  if (process.env.NATS_URL || !existsSync(file)) return process.env
  const { natsUrl, databaseUrl } = JSON.parse(readFileSync(file, 'utf8'))
  return { DATABASE_URL: databaseUrl, ...process.env, NATS_URL: natsUrl }
}

// Types are taken off and modules compiled once, not by each process: hundreds start in a run of the tests.
process.env.NODE_COMPILE_CACHE ??= join(ROOT, 'node_modules', '.cache', 'compiled')

const [name = '', ...args] = process.argv.slice(2)
const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
try {
  if (!command) throw new UserError(`usage: bootstrap.mjs ${Object.keys(COMMANDS).join('|')} [arguments]`)
  process.exitCode = await command(args)
} catch (error) {
  console.error(error instanceof UserError ? error.message : error)
  process.exitCode = 1
}
