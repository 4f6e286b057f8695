import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ROOT } from './processes.mjs'

const DIRECTORY = join(ROOT, '.cache', 'test-bundles')
const NEEDS_SERVERS = /\.(nats|pg|browser|e2e)\.test\.ts$/
/** Time limits of connections, which another file that computes would delay. */
const TIMED = /^services\/gateway\/src\/(?:edge|node)\//
/** A file whose hooks are those of the whole process, or that looks at the process itself, is alone in one. */
const ALONE =
  /^(?:before|after|beforeEach|afterEach)\(|process\.exitCode|memoryUsage|heapUsed|setFlagsFromString/m

/**
 * To start a process and to load a service takes longer than most test files: those that need no server are imported by
 * `count` files, each of which is one process for the runner. The rest stay as they are.
 */
export function bundled(files, count) {
  const together = files.filter(
    file => !NEEDS_SERVERS.test(file) && !TIMED.test(file) && !ALONE.test(textOf(file)),
  )
  if (together.length <= count) return [...files]
  const bundles = Array.from({ length: count }, (_, i) =>
    bundle(together.filter((_, at) => at % count === i)),
  )
  return [...files.filter(file => !together.includes(file)), ...bundles]
}

/** A name of its content, so that runs beside each other write the same file or another one. */
function bundle(files) {
  const imports = files.map(file => `import ${JSON.stringify(pathToFileURL(join(ROOT, file)).href)}\n`)
  const text = imports.join('')
  const path = join(DIRECTORY, `${createHash('sha256').update(text).digest('hex').slice(0, 16)}.test.mjs`)
  mkdirSync(DIRECTORY, { recursive: true })
  writeFileSync(path, text)
  return path
}

export function textOf(file) {
  return readFileSync(join(ROOT, file), 'utf8')
}
