import assert from 'node:assert/strict'
import { test } from 'node:test'
import { REVISIONS, runConformance } from './conformance.ts'

for (const revision of REVISIONS) {
  test(`all scenarios that the suite requires of a server of ${revision} pass, with no failure expected`, async () => {
    const { exitCode, output } = await runConformance(revision)
    const summary = output.slice(output.lastIndexOf('=== Running'))
    assert.equal(exitCode, 0, summary)
    assert.match(summary, /Total: \d+ passed/)
  })
}
