import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, stat, statfs, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { DEFAULT_TOPOLOGY, isServerAtLeast } from '@fluxgate/nats'
import { ACCOUNT, accountsConfig } from '@fluxgate/nats-accounts'
import { ConfigError, type Environment, readConfig, readLogStorage } from '@fluxgate/runtime'
import type { ChildSpec } from './supervisor/life.ts'

const run = promisify(execFile)
const READY_LIMIT_MS = 60_000
const PROBE_LIMIT_MS = 1_000
/** Room for the streams' reservations and for more, where the disk has it; at least twice what they reserve. */
const MAX_FILE_BYTES = 16 * 1024 ** 3
const MAX_MEMORY_BYTES = 256 * 1024 ** 2
/** A full disk stops the server; a full limit is an error that publishers see. */
const DISK_SHARE = 0.9

/** A nats-server of our own with JetStream on disk; it is up when its client port speaks. */
export async function natsChild(
  dataDir: string,
  port: number,
  env: Environment,
  passwords: Readonly<Record<string, string>>,
  rank: number,
): Promise<ChildSpec> {
  const directory = join(dataDir, 'nats')
  const storeDir = join(directory, 'store')
  const configFile = join(directory, 'server.conf')
  await mkdir(storeDir, { recursive: true })
  await refuseOlderServer(directory, await requireNatsServer())
  await moveIntoAccount(storeDir)
  const storageBytes = readConfig(env, readLogStorage).storageBytes ?? DEFAULT_TOPOLOGY.storageBytes
  const maxFileBytes = await fileLimit(storeDir, configFile, Math.max(MAX_FILE_BYTES, 2 * storageBytes))
  if (maxFileBytes < storageBytes) {
    throw new ConfigError([
      `The disk of ${dataDir} has too little room: the streams reserve ${gib(storageBytes)}, and ` +
        `${gib(maxFileBytes)} can be had. Free some, set FLUXGATE_DATA_DIR to a directory on another disk, or NATS_STORAGE to less.`,
    ])
  }
  await writeFile(configFile, configText(port, storeDir, maxFileBytes))
  const [command, ...args] = [...(await dyingWithParent()), 'nats-server', '--config', configFile]
  return {
    name: 'nats-server',
    command: command ?? 'nats-server',
    args,
    env: { PATH: env.PATH, HOME: env.HOME, ...passwords },
    rank,
    readyLimitMs: READY_LIMIT_MS,
    probe: () => greets(port),
  }
}

/** @returns the version of the nats-server that is first in PATH */
export async function requireNatsServer(): Promise<string> {
  const found = await run('nats-server', ['--version']).catch(() => undefined)
  const version = /v?(\d+\.\d+\.\d+)/.exec(found?.stdout ?? '')?.[1]
  if (version !== undefined) return version
  throw new ConfigError([
    'nats-server is not installed. Install it (`apt-get install nats-server`, `brew install nats-server`, or ' +
      'https://nats.io/download) or set NATS_URL to a running server.',
  ])
}

/**
 * A server may not read what a newer one has written, and what it cannot read it leaves out: so the folder remembers
 * the newest that has written there, and an older minor version is refused before it starts.
 */
async function refuseOlderServer(directory: string, version: string): Promise<void> {
  const file = join(directory, 'server-version')
  const written = existsSync(file) ? (await readFile(file, 'utf8')).trim() : version
  const minor = written.split('.').slice(0, 2).join('.')
  if (!isServerAtLeast(version, minor)) {
    throw new ConfigError([
      `The log in ${directory} was written by nats-server ${written}, which ${version} may not be able to read. ` +
        `Name a nats-server ${minor} or newer in FLUXGATE_NATS_SERVER, or set FLUXGATE_DATA_DIR to another directory.`,
    ])
  }
  await writeFile(file, `${isServerAtLeast(version, written) ? version : written}\n`)
}

/**
 * JetStream's limit for all file streams. It never shrinks: what streams have reserved must still fit at the next
 * start, or the server would not load them.
 */
async function fileLimit(storeDir: string, configFile: string, wantedBytes: number): Promise<number> {
  const { bavail, bsize } = await statfs(storeDir)
  const room = Math.floor((bavail * bsize + (await bytesIn(storeDir))) * DISK_SHARE)
  const earlier = existsSync(configFile)
    ? /max_file_store: (\d+)/.exec(await readFile(configFile, 'utf8'))?.[1]
    : undefined
  return Math.max(Number(earlier ?? 0), Math.min(room, wantedBytes))
}

function gib(bytes: number): string {
  return `${(bytes / 1024 ** 3).toFixed(1)} GiB`
}

async function bytesIn(directory: string): Promise<number> {
  const files = await readdir(directory, { recursive: true, withFileTypes: true })
  const sizes = files
    .filter(file => file.isFile())
    .map(file =>
      stat(join(file.parentPath, file.name)).then(
        found => found.size,
        () => 0,
      ),
    )
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}

function configText(port: number, storeDir: string, maxFileBytes: number): string {
  return `# Written by npm start at each start.
listen: "127.0.0.1:${port}"
server_name: "fluxgate_local"
jetstream {
  store_dir: ${JSON.stringify(storeDir)}
  max_file_store: ${maxFileBytes}
  max_memory_store: ${MAX_MEMORY_BYTES}
}
${accountsConfig()}`
}

/** Earlier versions had no accounts: their streams lie in the server's global one. */
async function moveIntoAccount(storeDir: string): Promise<void> {
  const [before, now] = ['$G', ACCOUNT].map(account => join(storeDir, 'jetstream', account)) as [
    string,
    string,
  ]
  if (existsSync(before) && !existsSync(now)) await rename(before, now)
}

/** On Linux the kernel ends the server when its parent is killed; elsewhere the next start does. */
async function dyingWithParent(): Promise<string[]> {
  if (process.platform !== 'linux') return []
  const prefix = ['setpriv', '--pdeathsig', 'TERM']
  return run('setpriv', ['--pdeathsig', 'TERM', 'true']).then(
    () => prefix,
    () => [],
  )
}

/** True when a server on this port says `INFO`, which nats-server does when its streams are loaded. */
export function greets(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    const settle = (value: boolean) => {
      socket.destroy()
      resolve(value)
    }
    socket.setTimeout(PROBE_LIMIT_MS, () => settle(false))
    socket.on('error', () => settle(false))
    socket.on('close', () => settle(false))
    socket.on('data', data => settle(data.toString('latin1').startsWith('INFO ')))
  })
}
