import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { delimiter, join } from 'node:path'
import { bundled, textOf } from './bundles.mjs'
import { ROOT, UserError } from './processes.mjs'

const FOLDERS = ['shared', 'services', 'cli', 'infra']
const LEFT_OUT = new Set(['node_modules', 'dist'])
const FILE_LIMIT = new URL('./file-limit.mjs', import.meta.url).href
const GLOBAL_SETUP = join(ROOT, 'infra/local/src/test-run/global-setup.ts')
const TEST_LIMIT_MS = 240_000
/** Each older server runs all of its files in one file of the run: `--nats all` has no shorter limit than the run. */
const MATRIX_LIMIT_MS = 3_600_000
const MATRIX_FOLDER = 'infra/nats/src/versions/'
const ORDER = [
  /\.e2e\./,
  /^infra\/nats\/src\/versions\/|^infra\/chaos/,
  /\/test-bundles\//,
  /\.nats\.pg\./,
  /\.(nats|browser)\./,
  /\.pg\./,
  /./,
]
const NEEDS_NATS = /\.nats\.(pg\.)?test\.ts$/
/** Units that open sockets, start processes or wait for real time, by what they write; and those that compute for long. */
const SLOW_UNIT =
  /from 'node:(?:child_process|net|http|https|tls|http2|dgram|worker_threads|timers\/promises)'|fetch\(|setTimeout|createServer|globSync|from '@fluxgate\/testing'|from '[^']*\/test\//
const LONG_UNIT =
  /\.(?:fuzz|property)\.test\.ts$|\/(?:skipping-listener|token-counter|fold|recorded|claims|sums|password-rules|head)\.test\.ts$/
/** Processes for the units of a whole run. */
const UNIT_PROCESSES = 4
/** Whatever starts a dashboard. */
const NEEDS_PAGE = /^(services\/dashboard|infra)\//
const NEEDS_SERVERS = /\.(nats|pg|browser|e2e)\.test\.ts$/

/**
 * What `npm test` was asked for. `--nats <version>` runs the chosen files on that nats-server (`2.9`, `2.10`, `system`,
 * `newest` or a path to one); `--nats all` runs those that need one on each older version too. Other arguments that
 * start with `-` go to the runner; the rest choose files by a part of their path (`shared/nats`, `loop.e2e`).
 */
export function testRequest(args) {
  const at = args.findIndex(arg => arg === '--nats' || arg.startsWith('--nats='))
  const option = at < 0 ? [] : args[at] === '--nats' ? args.slice(at, at + 2) : [args[at]]
  const nats = at < 0 ? undefined : (option[1] ?? args[at].slice('--nats='.length))
  if (at >= 0 && (!nats || option.length > 2 || nats.startsWith('--')))
    throw new UserError('--nats asks for all, newest, system, a version as 2.10, or a path to a nats-server')
  const rest = at < 0 ? args : args.toSpliced(at, option.length)
  const flags = rest.filter(arg => arg.startsWith('-'))
  const parts = rest
    .filter(arg => !arg.startsWith('-'))
    .map(arg => arg.replace(/^\.\//, '').replaceAll('\\', '/'))
  const chosen = chooseFiles(parts)
  const isMatrix = nats === 'all'
  const matrix = chosen.filter(file => NEEDS_NATS.test(file) && !file.startsWith(MATRIX_FOLDER))
  const files = isMatrix ? [...new Set([...chosen, ...chooseFiles([MATRIX_FOLDER])])] : chosen
  return {
    files,
    isWhole: parts.length === 0,
    nats: isMatrix ? undefined : nats,
    needs: {
      natsServer: files.some(file => NEEDS_SERVERS.test(file)),
      page: files.some(file => NEEDS_SERVERS.test(file) && NEEDS_PAGE.test(file)),
      chromium: files.some(file => /\.(browser|e2e)\.test\.ts$/.test(file)),
      baselines: files.some(file => file.startsWith('infra/bench/')),
    },
    needsOlderServers: files.some(file => file.startsWith(MATRIX_FOLDER)),
    args: [
      `--test-global-setup=${GLOBAL_SETUP}`,
      ...runnerArguments(
        byLength(bundled(files, UNIT_PROCESSES)),
        flags,
        isMatrix ? MATRIX_LIMIT_MS : TEST_LIMIT_MS,
      ),
    ],
    env: isMatrix
      ? { FLUXGATE_TEST_MATRIX: matrix.join(delimiter), FLUXGATE_TEST_FILE_LIMIT_MS: String(MATRIX_LIMIT_MS) }
      : {},
  }
}

/**
 * For `npm run unit`: the tests that need nothing but this machine's Node, in one process for each core, in seconds. Those
 * that wait for real time, or start processes, are left to `npm test` unless a part of their path is given.
 */
export function unitRequest(args) {
  const { files, isWhole } = testRequest(args)
  const units = files.filter(file => !NEEDS_SERVERS.test(file) && !(isWhole && isSlow(file)))
  if (units.length === 0) throw new UserError('no test file without servers matches')
  const flags = args.filter(arg => arg.startsWith('-'))
  return {
    files: units,
    args: runnerArguments(byLength(bundled(units, availableParallelism())), flags, TEST_LIMIT_MS),
  }
}

function isSlow(file) {
  return LONG_UNIT.test(file) || SLOW_UNIT.test(textOf(file))
}

/** The longest files first, so that no core waits for one at the end: they are those that need most. */
function byLength(files) {
  const rank = file => ORDER.findIndex(pattern => pattern.test(file))
  return files.toSorted((a, b) => rank(a) - rank(b))
}

function runnerArguments(files, flags, limitMs) {
  return [
    '--test',
    `--test-concurrency=${Math.max(2, availableParallelism())}`,
    `--import=${FILE_LIMIT}`,
    `--test-timeout=${limitMs}`,
    ...(flags.some(flag => flag.startsWith('--test-reporter')) ? [] : ['--test-reporter=spec']),
    ...flags,
    ...files,
  ]
}

function chooseFiles(parts) {
  const all = FOLDERS.flatMap(folder => testFiles(folder))
  const files = parts.length === 0 ? all : all.filter(file => parts.some(part => file.includes(part)))
  if (files.length === 0) throw new UserError(`no test file matches ${parts.join(', ')}`)
  return files
}

function testFiles(directory) {
  return readdirSync(join(ROOT, directory), { withFileTypes: true })
    .flatMap(entry => {
      const path = `${directory}/${entry.name}`
      if (entry.isDirectory()) return LEFT_OUT.has(entry.name) ? [] : testFiles(path)
      return entry.name.endsWith('.test.ts') ? [path] : []
    })
    .sort()
}
