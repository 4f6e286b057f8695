import { existsSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { type PgliteReport, type PgliteRequest, TEMPLATE } from '@fluxgate/testing'
import { copyDirectory, makeEmptyDirectory } from './empty-directory.ts'
import { servePglite } from './server.ts'

/**
 * For tests, `databases-main <data directory> <port>`: each subdirectory is a database, and `postgres` is always there. New ones
 * are made by messages from the parent.
 */
const [dataDir, port] = process.argv.slice(2)
if (!dataDir || !port) throw new Error('usage: databases-main <data directory> <port>')

const databases = new Map<string, PGlite>()
let isClosing = false
await mkdir(dataDir, { recursive: true })
const known = (await readdir(dataDir)).filter(entry => !entry.startsWith('.') && entry !== TEMPLATE)
for (const name of new Set(['postgres', ...known])) await open(name)
const server = await servePglite({ port: Number(port), databaseNamed: name => databases.get(name) })

process.on('message', (request: PgliteRequest) => void create(request))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void close())
process.once('disconnect', () => void close())
tell({ ready: true })

/** A new database is a copy of `template`, or has no tables. */
async function open(name: string, template?: string): Promise<void> {
  const directory = join(dataDir!, name)
  if (!existsSync(directory)) {
    await (template === undefined ? makeEmptyDirectory(directory) : copyDirectory(template, directory))
  }
  databases.set(name, await PGlite.create(directory))
}

async function create({ create: name, empty }: PgliteRequest): Promise<void> {
  try {
    if (databases.has(name)) throw new Error(`database ${name} exists`)
    const migrated = join(dataDir!, TEMPLATE)
    await open(name, !empty && existsSync(migrated) ? migrated : undefined)
    tell({ created: name })
  } catch (error) {
    tell({ created: name, fault: (error as Error).message })
  }
}

/** Once: a signal's closing ends the channel to the parent, which would ask for it again. */
async function close(): Promise<void> {
  if (isClosing) return
  isClosing = true
  await server[Symbol.asyncDispose]()
  await Promise.all([...databases.values()].map(database => database.close()))
  if (process.connected) process.disconnect()
}

function tell(report: PgliteReport): void {
  process.send?.(report)
}
