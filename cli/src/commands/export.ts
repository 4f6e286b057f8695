import { archive } from '@fluxgate/forensics'
import { RANGE_HELP, RANGE_OPTIONS, rangeOf } from '../arguments.ts'
import { type Command, overLog, parsed, reading } from '../command.ts'
import { droppedNotices } from '../retention.ts'
import { EXIT } from '../user-error.ts'

const HELP = `Usage: forensics export [options] > archive.ndjson

Writes a range of the log as NDJSON: a header, every message of every stream as it is stored, a trailer with the count. Each
line ends with a SHA-256 over the hash of the line before (64 zeros before the first) and the line itself without its hash,
so that forensics verify --file finds what was changed, removed, inserted or moved.

${RANGE_HELP}
  --output <file>      a new file, readable by you alone, instead of standard output
  --json               makes no difference: an archive is JSON in any case
  -h, --help           this text

The last hash is told at the end: keep it elsewhere, and give it to verify --file --hash.
`

const OPTIONS = {
  ...RANGE_OPTIONS,
  output: { type: 'string' },
  json: { type: 'boolean', default: false },
} as const

export const exportLog: Command = {
  name: 'export',
  summary: 'write a range of the log as NDJSON with a hash chain',
  help: HELP,

  prepare(args, nowMs) {
    const { values } = parsed('export', args, OPTIONS, { min: 0, max: 0 })
    const range = rangeOf('export', values, nowMs)

    return overLog(async bench => {
      const { link, screen, files, signal } = bench
      await using file = values.output === undefined ? undefined : await files.create(values.output)
      const write = file ? file.write : (lines: readonly string[]) => screen.line(lines.join('\n'))
      const told = await reading(bench, 'exporting', async options => {
        let last = { count: 0, hash: '' }
        const onRetained = (kept: Parameters<typeof droppedNotices>[0]) => {
          for (const text of droppedNotices(kept, range.fromMs)) screen.notice(text)
        }
        for await (const { lines, count, hash } of archive(link, range, { ...options, onRetained })) {
          await write(lines)
          last = { count, hash }
        }
        return last
      })
      if (signal.aborted) return EXIT.interrupted
      screen.notice(`${told.count.toLocaleString('en')} messages, last hash ${told.hash}`)
      return EXIT.done
    })
  },
}
