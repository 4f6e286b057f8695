import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT, Trouble } from './processes.mjs'

const PLACES = ['shared', 'services', 'infra']
const LEFT_OUT = new Set(['node_modules', 'dist'])
const FILE_LIMIT = new URL('./file-limit.mjs', import.meta.url).href
const TEST_LIMIT_MS = 240_000

/**
 * Arguments for `node --test`. `args` that start with `-` go to the runner; the others choose files by a part of
 * their path (`shared/nats`, `loop.e2e`); none chooses all.
 */
export function testArguments(args) {
  const flags = args.filter(arg => arg.startsWith('-'))
  const parts = partsOf(args)
  const all = PLACES.flatMap(place => testFiles(place))
  const files = parts.length === 0 ? all : all.filter(file => parts.some(part => file.includes(part)))
  if (files.length === 0) throw new Trouble(`no test file matches ${parts.join(', ')}`)
  return [
    '--test',
    '--test-concurrency=2',
    `--import=${FILE_LIMIT}`,
    `--test-timeout=${TEST_LIMIT_MS}`,
    ...(flags.some(flag => flag.startsWith('--test-reporter')) ? [] : ['--test-reporter=spec']),
    ...flags,
    ...files,
  ]
}

export function partsOf(args) {
  return args.filter(arg => !arg.startsWith('-')).map(arg => arg.replace(/^\.\//, '').replaceAll('\\', '/'))
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
