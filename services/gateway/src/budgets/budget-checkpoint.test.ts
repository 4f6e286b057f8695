import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type Checkpoint, readCheckpoint, writeCheckpoint } from './budget-checkpoint.fs.ts'

let directory: string
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'fluxgate-budgets-'))
})
after(() => rm(directory, { recursive: true, force: true }))

const rows = (count: number) => Array.from({ length: count }, (_, n) => [`u${n}.k`, n, n * 7] as const)
const checkpoint: Checkpoint = {
  log: '2026-11-01T00:00:00.000000000Z',
  told: [['daily/day/1/soft/alice', 1_795_000_000_000]],
  ledgers: [
    {
      scope: { each: 'key', period: 'day', only: undefined },
      position: 12_345,
      asOfMs: 1_795_000_000_000,
      complete: true,
      periods: [[1_794_960_000_000, rows(3)]],
    },
    {
      scope: { each: 'user', period: 'month', only: 'alice' },
      position: 7,
      asOfMs: 0,
      complete: false,
      periods: [],
    },
  ],
}

describe('a checkpoint', () => {
  it('is read as it was written, and replaces the one before', async () => {
    const path = join(directory, 'a.jsonl')
    assert.equal(await readCheckpoint(path), undefined)
    await writeCheckpoint(path, { ...checkpoint, ledgers: [] })
    await writeCheckpoint(path, checkpoint)
    assert.deepEqual(await readCheckpoint(path), checkpoint)
    assert.deepEqual(
      (await readdir(directory)).filter(name => name.startsWith('a.')),
      ['a.jsonl'],
    )
  })

  it('holds many holders, some in a line', async () => {
    const path = join(directory, 'b.jsonl')
    const [first] = checkpoint.ledgers
    const large = { ...checkpoint, ledgers: [{ ...first!, periods: [[0, rows(2_500)] as const] }] }
    await writeCheckpoint(path, large)
    const read = await readCheckpoint(path)
    assert.deepEqual(
      read?.ledgers[0]?.periods.flatMap(([, sums]) => sums),
      rows(2_500),
    )
    assert.deepEqual(
      read?.ledgers[0]?.periods.map(([startMs, sums]) => [startMs, sums.length]),
      [
        [0, 1_000],
        [0, 1_000],
        [0, 500],
      ],
    )
  })

  it('that is cut off, broken or of another version is not read', async () => {
    const path = join(directory, 'c.jsonl')
    await writeCheckpoint(path, checkpoint)
    const text = await readFile(path, 'utf8')
    const lines = text.trimEnd().split('\n')
    for (const broken of [
      '',
      lines.slice(0, -1).join('\n'),
      lines.toSpliced(2, 1).join('\n'),
      text.slice(0, -9),
      text.replace('"version":1', '"version":2'),
      text.replace('12345', '-1'),
    ]) {
      await writeFile(path, broken)
      await assert.rejects(readCheckpoint(path), `${broken.length} characters`)
    }
  })
})
