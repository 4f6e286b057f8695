import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { dependenciesGuide, directDependencies, licencesInstalled } from './list.ts'
import { REASONS } from './reasons.ts'

const ROOT = join(import.meta.dirname, '../../../..')
const dependencies = directDependencies()

test('the guide of dependencies is what the packages say', () => {
  const guide = readFileSync(join(ROOT, 'infra/docs/reference/dependencies.md'), 'utf8')
  assert.equal(guide, dependenciesGuide(), 'run `npm run docs:dependencies`')
})

test('each dependency has one exact version, and a reason; each reason a dependency', () => {
  assert.ok(dependencies.length > 40)
  for (const { name, versions, reason } of dependencies) {
    assert.equal(versions.length, 1, `${name}: ${versions}`)
    assert.match(versions[0] ?? '', /^\d+\.\d+\.\d+(-[\w.]+)?$/, name)
    assert.ok(reason, `${name} needs a reason in reasons.ts`)
  }
  const names = new Set(dependencies.map(({ name }) => name))
  assert.deepEqual(
    Object.keys(REASONS).filter(name => !names.has(name)),
    [],
  )
})

/** What may be used and passed on with a notice; MPL-2.0 reaches its own files only. */
const FREE = new Set(
  'MIT|Apache-2.0|MIT OR Apache-2.0|ISC|BSD-2-Clause|BSD-3-Clause|0BSD|BlueOak-1.0.0|Unlicense|CC-BY-4.0|MPL-2.0|(AFL-2.1 OR BSD-3-Clause)'.split(
    '|',
  ),
)

test('no package that is installed asks more of us than a notice', () => {
  const strict = [...licencesInstalled()].filter(licence => !FREE.has(licence))
  assert.deepEqual(strict, [])
  assert.deepEqual(
    dependencies.filter(({ licence }) => !FREE.has(licence)),
    [],
  )
})

test('the lock holds the hash of everything that comes from a registry', () => {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { link?: boolean; integrity?: string; resolved?: string; inBundle?: boolean }>
  }
  const loose = Object.entries(packages).filter(
    ([place, { link, integrity, inBundle }]) =>
      place.includes('node_modules/') && !link && !inBundle && !integrity?.startsWith('sha512-'),
  )
  assert.deepEqual(loose, [])
})
