import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { unpackPackage } from './debian.mjs'
import { requireNatsServer } from './native-tools.mjs'
import { capture, findProgram, ROOT, UserError } from './processes.mjs'

/** Older ones get no corrections any more; `shared/nats` warns of them too (`LEAST_SUPPORTED_SERVER`). */
export const LEAST_SUPPORTED = '2.12'
/** Outside node_modules, which an install removes, and outside the data of `npm start`. */
const CACHE = join(ROOT, '.cache', 'nats-server')
/** The newest server is in Debian's unstable suite; the others are what the versions' tests run on. */
const SUITE_OF = { newest: 'sid', '2.10': 'trixie', 2.9: 'bookworm' }
const OLDER_VERSIONS = ['2.9', '2.10']

/**
 * Puts the server that is to be used first in PATH, and says which one it is. The system's is used when it is new
 * enough; else one from the project's cache, which is filled from a later suite of Debian; else the system's after all.
 *
 * @param {string} wanted `newest`, `system`, a version as `2.10`, or a path to a server
 */
export async function useNatsServer({
  wanted = process.env.FLUXGATE_NATS_SERVER || 'newest',
  why = '',
  etc = '/etc',
} = {}) {
  if (wanted.includes('/')) return use(await serverAt(wanted), wanted)
  if (wanted === 'system') return useSystem(why)
  if (wanted === 'newest') return useNewest(why, etc)
  const server = await findVersion(wanted)
  if (!server) throw new UserError(`There is no nats-server ${wanted}, neither installed nor to be had.`)
  return use(server)
}

async function useNewest(why, etc) {
  const system = await systemServer()
  if (system && isAtLeast(system.version, LEAST_SUPPORTED)) return use(system)
  const found = newestOf(await cached())
  if (found && isAtLeast(found.version, LEAST_SUPPORTED)) return use(found)
  const fault = await fetchServer('newest', etc)
  const fetched = newestOf(await cached())
  if (fetched && (!system || isAtLeast(fetched.version, system.version))) return use(fetched)
  if (fault && hasApt()) console.log(`A newer nats-server could not be had: ${fault}.`)
  return useSystem(why)
}

async function useSystem(why) {
  const system = (await systemServer()) ?? (await installed(why))
  return use(system)
}

async function installed(why) {
  await requireNatsServer(why)
  const server = await systemServer()
  if (!server) throw new UserError('nats-server is installed and does not say its version.')
  return server
}

/** @returns the server of that minor version from the system or the cache, fetched if need be; else undefined */
async function findVersion(minor) {
  const is = server => server?.version.startsWith(`${minor}.`)
  const system = await systemServer()
  if (is(system)) return system
  const have = (await cached()).find(is)
  if (have) return have
  if (SUITE_OF[minor] === undefined || (await fetchServer(minor)) !== undefined) return undefined
  return (await cached()).find(is)
}

/** The paths of the servers that the versions' tests run on, by minor version; those that can be had. */
export async function olderServers() {
  const found = {}
  for (const minor of OLDER_VERSIONS) {
    const server = await findVersion(minor)
    if (server) found[minor] = server.path
    console.log(
      server ? `Tests on nats-server ${server.version} too.` : `No nats-server ${minor} to test on.`,
    )
  }
  return found
}

function use(server, wanted) {
  if (!server) throw new UserError(`${wanted} is no nats-server that runs here.`)
  const directory = dirname(server.path)
  const others = (process.env.PATH ?? '').split(delimiter).filter(entry => !entry.startsWith(CACHE))
  // The system's folder keeps its rank among the others: it has more than this program.
  const isFirst = findProgram('nats-server', [], others) === server.path
  process.env.PATH = (isFirst ? others : [directory, ...others]).join(delimiter)
  console.log(`nats-server ${server.version} (${server.path}).`)
  if (!isAtLeast(server.version, LEAST_SUPPORTED)) {
    console.log(
      `Warning: ${server.version} gets no corrections any more; the least supported version of nats-server is ` +
        `${LEAST_SUPPORTED}. Install a newer one, or name it in FLUXGATE_NATS_SERVER.`,
    )
  }
  return server
}

/** Fills the cache; @returns undefined, or why it could not. */
async function fetchServer(which, etc = '/etc') {
  if (!hasApt()) return 'there is no apt-get here'
  mkdirSync(CACHE, { recursive: true })
  // Renamed when whole, so that two that fetch at once and one that is cut short leave whole servers only.
  const work = mkdtempSync(join(CACHE, '.fetching-'))
  try {
    console.log(`Fetching a nats-server from Debian's suite ${SUITE_OF[which]} into .cache/; once.`)
    const into = join(work, 'unpacked')
    const scratch = join(work, 'apt')
    const fault = await unpackPackage({ name: 'nats-server', suite: SUITE_OF[which], scratch, into, etc })
    if (fault !== undefined) return fault
    const server = await serverAt(join(into, 'usr/sbin/nats-server'))
    if (!server) return 'the package has no server that runs here'
    const target = join(CACHE, server.version)
    if (!existsSync(target)) renameSync(dirname(server.path), target)
    return undefined
  } catch (error) {
    return error.message
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

async function cached() {
  if (!existsSync(CACHE)) return []
  const names = readdirSync(CACHE).filter(name => /^\d/.test(name))
  const servers = await Promise.all(names.map(name => serverAt(join(CACHE, name, 'nats-server'))))
  return servers.filter(server => server !== undefined)
}

/** The one on PATH or where Debian puts it, not one that this file has put there. */
async function systemServer() {
  const path = (process.env.PATH ?? '').split(delimiter).filter(entry => !entry.startsWith(CACHE))
  const file = findProgram('nats-server', ['/usr/sbin/nats-server', '/usr/local/bin/nats-server'], path)
  return file && serverAt(file)
}

async function serverAt(path) {
  const { code, output } = await capture(path, ['--version'])
  const version = /v?(\d+\.\d+\.\d+)/.exec(output)?.[1]
  return code === 0 && version ? { path, version } : undefined
}

function newestOf(servers) {
  return servers.toSorted((a, b) => (isAtLeast(a.version, b.version) ? -1 : 1))[0]
}

export function isAtLeast(version, least) {
  const [have, want] = [version, least].map(text => text.split('.').map(Number))
  const at = want.findIndex((part, i) => (have[i] ?? 0) !== part)
  return at < 0 || (have[at] ?? 0) > want[at]
}

function hasApt() {
  return findProgram('apt-get', ['/usr/bin/apt-get']) !== undefined
}
