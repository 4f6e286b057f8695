import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ROOT } from './processes.mjs'

const DIRECTORY = join(ROOT, '.cache', 'test-bundles')
const NEEDS_SERVERS = /\.(nats|pg|browser|e2e)\.test\.ts$/
/** Time limits of connections: beside tests that compute they would be late. */
const TIMED = /^services\/gateway\/src\/(?:edge|node)\//
/** A file that looks at its process, or changes it, is alone in one. */
const ALONE = /process\.exitCode|memoryUsage|heapUsed|setFlagsFromString/
/** A file that awaits before its tests cannot be a suite; its hooks, if any, would be those of the whole process. */
const AWAITS = /^await |^(?:export )?const .*= await /m
const HOOKS = /^(?:before|after|beforeEach|afterEach)\(/m
/** Files of these packages start most of what they need as processes: to share one saves little. */
const STARTS_PROCESSES = /^infra\/|^shared\/testing\/|\.e2e\.test\.ts$/
const SERVER_FILES = 8

/**
 * To start a process and to load a service takes longer than most test files. So files share processes: those that need
 * no server are spread over `count` bundles, those that need one are bundled with up to seven others of their package.
 * The rest stay as they are.
 */
export function bundled(files, count) {
  if (files.length <= count) return [...files]
  const shareable = files.filter(file => isShareable(textOf(file)))
  const timed = shareable.filter(file => TIMED.test(file) && !NEEDS_SERVERS.test(file))
  const units = shareable.filter(file => !TIMED.test(file) && !NEEDS_SERVERS.test(file))
  const servers = shareable.filter(file => NEEDS_SERVERS.test(file) && !STARTS_PROCESSES.test(file))
  const groups = [
    timed,
    ...Array.from({ length: count }, (_, i) => units.filter((_, at) => at % count === i)),
    ...[...new Set(servers.map(packageOf))].flatMap(name =>
      chunks(
        servers.filter(file => packageOf(file) === name),
        SERVER_FILES,
      ),
    ),
  ].filter(group => group.length > 1)
  const together = new Set(groups.flat())
  return [...files.filter(file => !together.has(file)), ...groups.map(bundle)]
}

function isShareable(text) {
  return !ALONE.test(text) && !(AWAITS.test(text) && HOOKS.test(text))
}

/** Chunks of about the same size, of at most `most`. */
function chunks(files, most) {
  const count = Math.ceil(files.length / most)
  return Array.from({ length: count }, (_, i) => files.filter((_, at) => at % count === i))
}

function packageOf(file) {
  return file.split('/', file.startsWith('cli/') ? 1 : 2).join('/')
}

/**
 * Each file is a suite, so that its hooks are its own: `require` evaluates it while its suite is being described, which
 * fails by name where something that it imports awaits at its top level. The bundle has a name of its content, so that
 * runs beside each other write the same.
 */
function bundle(files) {
  const awaiting = files.filter(file => AWAITS.test(textOf(file)))
  const text = [
    "import { createRequire } from 'node:module'",
    "import { describe } from 'node:test'",
    ...awaiting.map(file => `import ${quoted(pathToFileURL(join(ROOT, file)).href)}`),
    '\nconst require = createRequire(import.meta.url)',
    ...files
      .filter(file => !awaiting.includes(file))
      .map(file => `describe(${quoted(file)}, () => void require(${quoted(join(ROOT, file))}))`),
    '',
  ].join('\n')
  const kind = NEEDS_SERVERS.test(files[0]) ? `${packageOf(files[0]).replaceAll('/', '-')}.nats` : 'units'
  const path = join(
    DIRECTORY,
    `${kind}-${createHash('sha256').update(text).digest('hex').slice(0, 8)}.test.mjs`,
  )
  mkdirSync(DIRECTORY, { recursive: true })
  writeFileSync(path, text)
  return path
}

const quoted = text => JSON.stringify(text)

export function textOf(file) {
  return readFileSync(join(ROOT, file), 'utf8')
}
