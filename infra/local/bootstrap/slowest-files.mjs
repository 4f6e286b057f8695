/** A reporter for `node --test`: the files by the time that they took, longest first, and their sum. */
const SHOWN = 40

export default async function* slowestFiles(source) {
  const files = new Map()
  for await (const { type, data } of source) {
    if (type !== 'test:complete' || data.nesting !== 0 || !data.file) continue
    // In a bundle each file is a suite of its name.
    const file = data.file.includes('test-bundles') ? data.name : data.file
    files.set(file, (files.get(file) ?? 0) + data.details.duration_ms)
  }
  const byTime = [...files].sort(([, a], [, b]) => b - a)
  const seconds = ms => (ms / 1_000).toFixed(1).padStart(7)
  for (const [file, ms] of byTime.slice(0, SHOWN)) yield `${seconds(ms)} s ${file}\n`
  yield `${seconds(byTime.reduce((sum, [, ms]) => sum + ms, 0))} s in ${byTime.length} files\n`
}
