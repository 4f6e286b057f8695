import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, globSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { type Block, blocksOf, documents, ROOT } from './markdown.ts'

const packages = globSync('{cli,{shared,services,infra}/*}/package.json', { cwd: ROOT }).map(dirname)
const examples = documents()
  .flatMap(blocksOf)
  .filter(({ language }) => language === 'ts')
const IMPORT = /import \{([^}]+)\} from '(@fluxgate\/[\w-]+)'/g
/** An address, a connection, or the servers of a test. */
const needsServers = ({ code }: Block) => /:\/\/|\blink\b|@fluxgate\/testing/.test(code)

describe('READMEs of packages', () => {
  it('are in every package and service', () => {
    assert.deepEqual(
      packages.filter(path => !existsSync(join(ROOT, path, 'README.md'))),
      [],
    )
  })

  it('import in their examples what packages export', async () => {
    assert.ok(examples.length >= 8)
    for (const { document, code } of examples) {
      for (const [, names = '', name = ''] of code.matchAll(IMPORT)) {
        const exported = (await import(name)) as object
        const missing = names.split(',').filter(each => !(each.trim() in exported))
        assert.deepEqual(missing, [], `${document}: ${name}`)
      }
    }
  })

  it('have examples that run when they need no server', () => {
    const runnable = examples.filter(block => !needsServers(block))
    assert.ok(runnable.length >= 4)
    for (const { document, code } of runnable) {
      const args = ['--disable-warning=ExperimentalWarning', '--input-type=module-typescript', '-e', code]
      const output = execFileSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' })
      assert.notEqual(output.trim(), '', document)
    }
  })
})
