import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const ROOT = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const SECURITY = read('SECURITY.md')
const SETTINGS = read('infra/docs/reference/configuration.md')
const LIMITED = /^`(\w+)`/
const SET_BY = /set by `(\w+)`/g
const FILE = /^`([\w./-]+)`$/
const FILLED = /^`([\w./-]+\.test\.ts)` “([^”]+)”$/

/** The rows of the section's tables: what, bound, what happens at the bound, file of the limit, test that fills it. */
function rowsOf(text: string): string[][] {
  const section = text.slice(text.indexOf('\n## Bounds\n')).split(/\n## (?!Bounds)/)[0] ?? ''
  return section
    .split('\n')
    .filter(line => line.startsWith('| ') && !line.startsWith('| what '))
    .map(line => line.slice(2, -2).split(' | '))
}

const plain = (source: string) => source.replaceAll('\\', '').replaceAll('’', "'")

function mistakesOf(row: readonly string[]): string[] {
  const [what = '', bound = '', atBound = '', file = '', filled = ''] = row
  if (row.length !== 5 || atBound === '') return [`${what}: the row has ${row.length} cells`]
  const mistakes: string[] = []
  const limit = LIMITED.exec(bound)?.[1]
  const path = FILE.exec(file)?.[1]
  if (limit === undefined || path === undefined) mistakes.push(`${what}: no limit and file`)
  else if (!existsSync(join(ROOT, path))) mistakes.push(`${what}: ${path} is not there`)
  else if (!new RegExp(`\\b${limit}\\b`).test(read(path))) mistakes.push(`${what}: ${path} has no ${limit}`)
  for (const [, setting = ''] of bound.matchAll(SET_BY)) {
    if (!SETTINGS.includes(`\`${setting}\``)) mistakes.push(`${what}: ${setting} is no setting`)
  }
  const [, testPath = '', name = ''] = FILLED.exec(filled) ?? []
  if (!existsSync(join(ROOT, testPath)) || testPath === '') mistakes.push(`${what}: no test`)
  else if (!plain(read(testPath)).includes(plain(name)))
    mistakes.push(`${what}: ${testPath} has no “${name}”`)
  return mistakes
}

test('each bound of SECURITY.md names a limit that is in its file, its setting, and a test that is there', () => {
  const rows = rowsOf(SECURITY)
  assert.ok(rows.length >= 80, `${rows.length} rows`)
  assert.deepEqual(rows.flatMap(mistakesOf), [])
})

test('a bound whose limit, setting or test is not there is found', () => {
  const file = '`shared/nats/src/topology.ts`'
  const filled = '`infra/security/bounds.test.ts` “a bound whose limit”'
  assert.deepEqual(mistakesOf(['a', '`topology` 1', 'refused', file, filled]), [])
  for (const row of [
    ['a', '`topology` 1', 'refused', file],
    ['a', '`nothingOfTheKind` 1', 'refused', file, filled],
    ['a', '`topology` 1, set by `NO_SETTING`', 'refused', file, filled],
    ['a', '`topology` 1', 'refused', '`shared/nowhere.ts`', filled],
    ['a', '`topology` 1', 'refused', file, '`infra/nowhere.test.ts` “a bound”'],
    ['a', '`topology` 1', 'refused', file, `\`infra/security/bounds.test.ts\` “${'nothing'.repeat(2)}”`],
  ]) {
    assert.equal(mistakesOf(row).length, 1, row.join(' | '))
  }
})
