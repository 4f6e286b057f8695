/**
 * Preloaded into every test file's process: the runner's own time limit is per test, and a file that hangs outside of
 * its tests, or whose tests leave something running, would hang the whole run.
 */
const ONE_FILE_MS = Number(process.env.FLUXGATE_TEST_FILE_LIMIT_MS ?? 300_000)
/** Of a bundle: many files one after the other. */
const LIMIT_MS = ONE_FILE_MS * (process.argv[1]?.includes('test-bundles') ? 4 : 1)

if (process.env.NODE_TEST_CONTEXT === 'child-v8') {
  // Properties print their seed when they fail; `TEST_SEED` takes it, for those and for `testRandom`.
  const seed = process.env.TEST_SEED
  if (seed !== undefined) (await import('fast-check')).configureGlobal({ seed: Number(seed) })

  setTimeout(() => {
    const resources = process.getActiveResourcesInfo().join(', ')
    process.stderr.write(
      `${process.argv[1]} did not end within ${LIMIT_MS / 1_000} s; active: ${resources}\n`,
    )
    process.exit(1)
  }, LIMIT_MS).unref()
}
