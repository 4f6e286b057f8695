import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Dressed, REVISIONS, runConformance, startDressed } from './conformance.ts'

/** 67 in all. */
const REQUIRED = { '2026-07-28': 37, '2025-11-25': 30 }
const run = promisify(execFile)
const fileOf = (path: string) => fileURLToPath(new URL(path, import.meta.url))

describe("the protocol's conformance suite", () => {
  let dressed: Dressed
  before(async () => {
    dressed = await startDressed()
  })
  after(() => dressed[Symbol.asyncDispose]())

  for (const revision of REVISIONS) {
    test(`all scenarios that it requires of a server of ${revision} pass, with no failure expected`, async () => {
      const { exitCode, output, scenarios } = await runConformance(dressed.url, revision)
      assert.equal(exitCode, 0, output.slice(output.lastIndexOf('=== Running')))
      const required = scenarios.filter(({ isRequired }) => isRequired)
      assert.equal(required.length, REQUIRED[revision])
      for (const { name, passed, failed } of required) assert.ok(passed > 0 && failed === 0, name)
    })
  }
})

test('the fixtures of the suite are refused in production, and no flag of the product brings them up', async () => {
  const env = { PATH: process.env.PATH, NODE_ENV: 'production' }
  const serve = run(process.execPath, [fileOf('conformance.ts'), '--serve'], { env })
  await assert.rejects(serve, { code: 2, stderr: /NODE_ENV is production/ })
  const product = run(process.execPath, [fileOf('../src/main.ts'), '--fixtures'], { env })
  await assert.rejects(product, { code: 1, stderr: /Unknown option '--fixtures'/ })
})
