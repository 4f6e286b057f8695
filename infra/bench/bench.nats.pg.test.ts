import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import type { Line } from './harness/line.ts'
import { ROWS as ALL_ROWS } from './rows/index.ts'

const run = promisify(execFile)
const MAIN = join(import.meta.dirname, 'main.ts')
/** Of each kind one: beside baselines by wrk, by our own generators, in a process of its own, by another's script. */
const ROWS = ['unary', 'streams', 'publisher', 'whatif']

interface Result {
  readonly machine: { readonly cores: number }
  readonly lines: readonly Line[]
}

/** It shows that the bench works; how fast anything is, is nothing for a test. */
test('a smoke run of the bench measures without an error, and writes its table', async t => {
  const { stdout, result } = await bench(['--rows', ROWS.join(',')])
  assert.ok(result.machine.cores >= 1)
  assert.deepEqual([...new Set(result.lines.map(({ row }) => row))], ROWS)
  const shown = stdout.split('\n')
  for (const line of result.lines) {
    assert.ok(
      shown.some(text => text.startsWith(`| ${line.row} `) && text.includes(` ${line.what} `)),
      line.what,
    )
    if ('skipped' in line) t.diagnostic(`${line.row}, ${line.what}: ${line.skipped}`)
    else {
      assert.equal(line.errors, 0, line.what)
      assert.equal(line.ours.length, 1)
      assert.equal(line.base?.values.length ?? 1, 1)
      for (const value of [...line.ours, ...(line.base?.values ?? [])])
        assert.ok(value > 0, `${line.what}: ${value}`)
    }
  }
  const measured = result.lines.filter(line => !('skipped' in line)).map(({ row }) => row)
  assert.ok(
    measured.includes('publisher') && measured.includes('whatif'),
    'these need no tool that may be missing',
  )
})

test('a row whose program is missing says so', async () => {
  const { stdout, result } = await bench(['--rows', 'tls'], { PATH: '/nonexistent' })
  assert.match(stdout, /\| skipped \|/)
  assert.deepEqual(
    result.lines.map(line => 'skipped' in line && line.skipped),
    ['wrk is missing (Debian: apt-get install wrk)'],
  )
})

test('what cannot be understood is named, and help tells every row', async () => {
  await assert.rejects(bench(['--rows', 'warp']), /no row warp; there are unary, tls/)
  await assert.rejects(bench(['--rounds', 'many']), /--rounds must be a number above zero, not many/)
  await assert.rejects(bench(['--fast']), { code: 2 })
  const { stdout } = await run(process.execPath, [MAIN, '--help'])
  for (const { id, what } of ALL_ROWS)
    assert.match(stdout, new RegExp(`^  ${id} +${RegExp.escape(what)}$`, 'm'))
})

async function bench(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ stdout: string; result: Result }> {
  const directory = await mkdtemp(join(tmpdir(), 'fluxgate-bench-'))
  try {
    const out = join(directory, 'result.json')
    const all = ['--disable-warning=ExperimentalWarning', MAIN, '--smoke', '--out', out, ...args]
    const { stdout } = await run(process.execPath, all, { env: { ...process.env, ...env } })
    return { stdout, result: JSON.parse(await readFile(out, 'utf8')) as Result }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
