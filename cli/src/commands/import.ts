import {
  ArchiveCheck,
  type ArchivedMessage,
  importMessages,
  messageIn,
  retention,
  unsealed,
} from '@fluxgate/forensics'
import { ensureTopology } from '@fluxgate/nats'
import { JSON_HELP, JSON_OPTION } from '../arguments.ts'
import { type Command, type LogContext, overLog, parsed } from '../command.ts'
import { jsonLine } from '../paint.ts'
import { EXIT, UserError } from '../user-error.ts'

const HELP = `Usage: forensics import <archive> --yes [options]

Puts the messages of an archive into the log at NATS_URL, under the same event ids: what the log holds already is left out,
so that an import can be repeated. The file is checked first (see verify --file), and nothing is written when it does not hold.
Streams that are missing are made.

  --yes                write; without it this only tells what would be written, and where
  --hash <hash>        of the file's last line, as the export told it
${JSON_HELP}

Imported messages are stored anew: their order stays, but ranges and what-if see them at the time of the import.
Running services follow the log: import into one that nothing listens to, unless they shall take the events as theirs.
Exit code 1: the file does not hold. 2: nothing was written for want of --yes.
`

const OPTIONS = {
  yes: { type: 'boolean', default: false },
  hash: { type: 'string' },
  ...JSON_OPTION,
} as const

export const importLog: Command = {
  name: 'import',
  summary: 'put an exported range into another log',
  help: HELP,

  prepare(args) {
    const { values, positionals } = parsed('import', args, OPTIONS, { min: 1, max: 1 })
    const [path = ''] = positionals
    if (path === '-') throw new UserError(EXIT.usage, 'an archive is read twice: it has to be a file')

    return overLog(async bench => {
      const { screen, server, link, signal } = bench
      const verdict = await checked(bench, path, values.hash)
      if (signal.aborted) return EXIT.interrupted
      if (!verdict.holds) {
        for (const { detail } of verdict.findings) screen.notice(detail)
        screen.notice(`${path} does not hold: nothing was imported`)
        return EXIT.no
      }
      if (!values.yes) {
        const there = await contentsOf(bench)
        const text = `${verdict.messages} messages of ${path} would be put into the log at ${server}, which ${there}`
        throw new UserError(EXIT.usage, `${text}; nothing was imported without --yes`)
      }
      await ensureTopology(link)
      using progress = bench.progress('importing')
      const counts = await importMessages(
        link,
        messagesOf(bench, path, read => progress.at(read, verdict.messages)),
        {
          signal,
        },
      )
      if (signal.aborted) return EXIT.interrupted
      const { imported, known, unreadable } = counts
      const text = `${imported} imported, ${known} known already, ${unreadable} unreadable and left out`
      await screen.line(values.json ? jsonLine({ kind: 'imported', ...counts }) : text)
      return EXIT.done
    })
  },
}

async function checked({ files, signal }: LogContext, path: string, hash: string | undefined) {
  const check = new ArchiveCheck(hash)
  for await (const line of files.lines(path)) {
    check.add(line)
    if (check.hopeless || signal.aborted) break
  }
  return check.finish()
}

async function contentsOf({ link }: LogContext): Promise<string> {
  try {
    const held = (await retention(link)).reduce(
      (sum, { lastSequence, dropped }) => sum + lastSequence - dropped,
      0,
    )
    return held === 0 ? 'is empty' : `holds ${held} messages`
  } catch {
    return 'has no streams yet'
  }
}

async function* messagesOf(
  { files }: LogContext,
  path: string,
  told: (read: number) => void,
): AsyncGenerator<ArchivedMessage> {
  let read = 0
  for await (const line of files.lines(path)) {
    const body = unsealed(line)?.body
    const message = body?.startsWith('{"n":') ? messageIn(body) : undefined
    if (!message) continue
    told(++read)
    yield message
  }
}
