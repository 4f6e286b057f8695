import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'
import { anchorsOf, blocksOf, type Document, documents, linksOf, ROOT } from './markdown.ts'

const all = documents()
const scripts = (JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: object }).scripts
/** Read by processes that only `npm start` and the tests start. */
const INTERNAL = new Set(['POSTGRES_DIR', 'POSTGRES_PORT'])

function brokenLinks(document: Document): string[] {
  return linksOf(document).flatMap(({ line, target }) => {
    const [path = '', anchor] = target.split('#', 2)
    const file = path === '' ? document.path : normalize(join(dirname(document.path), path))
    const reported = `${document.path}:${line} → ${target}`
    if (!existsSync(join(ROOT, file))) return [reported]
    if (anchor === undefined || !file.endsWith('.md')) return []
    const text = file === document.path ? document.text : readFileSync(join(ROOT, file), 'utf8')
    return anchorsOf({ text }).has(anchor) ? [] : [reported]
  })
}

test('every link among the documents leads somewhere', () => {
  assert.ok(all.length > 10)
  assert.deepEqual(all.flatMap(brokenLinks), [])
})

test('a link to a file or a heading that is not there is found', () => {
  const text = '# One two\n\n[a](README.md) [b](#one-two) [c](#three) ![d](none.svg) [e](https://x.example)\n'
  assert.deepEqual(brokenLinks({ path: 'README.md', text }), [
    'README.md:3 → #three',
    'README.md:3 → none.svg',
  ])
})

test('the index of the documents links to every document and reference', () => {
  const folder = 'infra/docs'
  const index = all.find(({ path }) => path === `${folder}/README.md`) ?? assert.fail('no index')
  const linked = new Set(linksOf(index).map(({ target }) => target.split('#')[0]))
  const documents = globSync(['*/*.md', 'reference/api/*.json'], { cwd: join(ROOT, folder) })
  assert.ok(documents.length > 20)
  assert.deepEqual(
    documents.filter(path => !linked.has(path)),
    [],
  )
})

test('the README links to the index of the documents', () => {
  const readme = all.find(({ path }) => path === 'README.md') ?? assert.fail('no README')
  assert.ok(linksOf(readme).some(({ target }) => target === 'infra/docs/README.md'))
})

test('every npm script that a document names is there', () => {
  // The changelog names what a version had.
  const present = all.filter(({ path }) => path !== 'CHANGELOG.md')
  const named = present.flatMap(({ path, text }) =>
    [...text.matchAll(/npm run (?:-s )?([\w:-]+)/g)].map(([, script = '']) => ({ path, script })),
  )
  assert.ok(named.length > 20)
  assert.deepEqual(
    named.filter(({ script }) => !Object.hasOwn(scripts, script)),
    [],
  )
})

test('every command of `npm run fluxgate` that a document names is there, and its file too', async () => {
  const module = new URL('../../local/bootstrap/commands.mjs', import.meta.url)
  const { COMMANDS } = (await import(module.href)) as { COMMANDS: Record<string, readonly [string, string]> }
  const named = all.flatMap(({ path, text }) =>
    [...text.matchAll(/npm run (?:-s )?fluxgate -- ([\w:-]+)/g)].map(([, name = '']) => ({ path, name })),
  )
  assert.ok(named.length > 20)
  assert.deepEqual(
    named.filter(({ name }) => !Object.hasOwn(COMMANDS, name)),
    [],
  )
  for (const [command] of Object.values(COMMANDS)) {
    const file = command.split(' ').find(word => word.endsWith('.ts')) ?? ''
    assert.ok(existsSync(join(ROOT, file)), `${file} is missing`)
  }
})

test('what a comment says covers a block is a test', () => {
  const covered = all.flatMap(blocksOf).filter(block => block.covered !== undefined)
  const wrong = covered.filter(({ covered: { test: file, reason } = assert.fail() }) => {
    return !existsSync(join(ROOT, file)) || !/\.test\.ts$/.test(file) || reason.length < 10
  })
  assert.deepEqual(wrong, [])
})

/** Names that the code asks its environment for, where a process reads its configuration. */
function variablesRead(): Set<string> {
  const files = globSync(
    [
      '{cli,{services,infra}/*}/src/{,*/}*config.ts',
      'infra/postgres/src/users.ts',
      'shared/runtime/src/{config,run}.ts',
    ],
    { cwd: ROOT },
  )
  const asked =
    /(?:env|reader)\.\w+\(\s*'([A-Z][A-Z0-9_]+)'|(?:limitMs|bounded|secureUrl|pairs)\(env, '([A-Z][A-Z0-9_]+)'/g
  return new Set(
    files.flatMap(file => {
      const text = readFileSync(join(ROOT, file), 'utf8')
      return [...text.matchAll(asked)].map(match => match[1] ?? match[2] ?? '')
    }),
  )
}

test('configuration.md has every variable that the code reads, and no other', () => {
  const text = readFileSync(join(ROOT, 'infra/docs/reference/configuration.md'), 'utf8')
  const rows = text.split('\n').filter(line => line.startsWith('| `'))
  const reported = new Set(
    rows.flatMap(row => [...row.matchAll(/`([A-Z][A-Z0-9_]{2,})`/g)].map(([, name = '']) => name)),
  )
  const read = variablesRead()
  assert.ok(read.size > 80)
  assert.deepEqual([...read].filter(name => !reported.has(name) && !INTERNAL.has(name)).toSorted(), [])
  const code = globSync('{cli,{services,shared,infra}/*}/src/**/*.ts', { cwd: ROOT })
    .filter(file => !/\.test\.ts$|infra\/docs\//.test(file))
    .map(file => readFileSync(join(ROOT, file), 'utf8'))
    .join('\n')
  const unknown = [...reported].filter(name => !new RegExp(`\\b${name}\\b`).test(code))
  assert.deepEqual(
    unknown.filter(name => !/^OTEL_EXPORTER_OTLP_(TRACES_)?[A-Z]+$/.test(name)),
    [],
  )
})
