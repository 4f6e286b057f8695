import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { allFamilies } from './src/all.ts'

const ROOT = join(import.meta.dirname, '../..')
const text = readFileSync(join(ROOT, 'SECURITY.md'), 'utf8')

/** A path in backticks, and the names of tests in quotation marks behind it, up to the next path. */
const CLAIM = /`([\w./-]+\/[\w./-]+)`((?: ?,? ?“[^”]+”)*)/g

interface Claim {
  readonly path: string
  readonly names: readonly string[]
}

const claims: Claim[] = [...text.matchAll(CLAIM)]
  .map(([, path = '', quoted = '']) => ({
    path,
    names: [...quoted.matchAll(/“([^”]+)”/g)].map(([, name = '']) => name),
  }))
  // Paths of HTTP begin with a slash.
  .filter(({ path }) => !path.startsWith('/'))

const plain = (source: string) => source.replaceAll('\\', '').replaceAll('’', "'")

function faultsOf({ path, names }: Claim): string[] {
  if (!existsSync(join(ROOT, path))) return [`${path} is not there`]
  if (names.length === 0) return []
  const source = plain(readFileSync(join(ROOT, path), 'utf8'))
  const isTest = /\.test\.ts$/.test(path)
  return names
    .filter(name => !isTest || !source.includes(plain(name)))
    .map(name => `${path} has no “${name}”`)
}

test('every file and every test that SECURITY.md names is in the tree', () => {
  assert.ok(claims.length > 80)
  assert.ok(claims.flatMap(({ names }) => names).length > 80)
  assert.deepEqual(claims.flatMap(faultsOf), [])
})

test('a claim that nothing holds is found', () => {
  assert.equal(faultsOf({ path: 'infra/nowhere.test.ts', names: [] }).length, 1)
  assert.equal(faultsOf({ path: 'infra/security/secrets.test.ts', names: ['nothing of the kind'] }).length, 1)
})

test('every point is answered', () => {
  const numbers = (prefix: string, count: number) =>
    Array.from({ length: count }, (_, i) => `${prefix}${i + 1}`)
  const points = [
    ...numbers('API', 10),
    ...numbers('LLM', 10).map(point => point.replace(/^LLM(\d)$/, 'LLM0$1')),
    ...numbers('V', 17),
    ...numbers('3.', 12),
  ]
  for (const point of points) {
    const row = text
      .split('\n')
      .find(line => new RegExp(`^\\| (\\*\\*)?${point.replace('.', '\\.')} `).test(line))
    assert.ok(row, `${point} has no row`)
    assert.ok(/`|does not apply/.test(row), `${point} names nothing that holds it`)
  }
})

test('the table of attacks has each family with all its inputs, and none that went wrong', () => {
  for (const { name, inputs, attacks } of allFamilies()) {
    const start = `| ${name} | ${inputs} | ${attacks.length} | `
    const row = text.split('\n').find(line => line.startsWith(start))
    assert.ok(row, `run \`npm run fluxgate -- attacks\`: ${start}`)
    const [refused = 0, harmless = 0, wrong] = row
      .slice(start.length)
      .split(' | ')
      .map(cell => Number.parseInt(cell, 10))
    assert.equal(refused + harmless, attacks.length, name)
    assert.equal(wrong, 0, name)
  }
})
