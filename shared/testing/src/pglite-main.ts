import { existsSync } from 'node:fs'
import { cp, mkdir, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import type { PgliteReport } from './pglite.ts'
import { servePglite } from './pglite-server.ts'

/** `pglite-main <data directory> <port>`: each subdirectory is a database, and `postgres` is always there. */
const [dataDir, port] = process.argv.slice(2)
if (!dataDir || !port) throw new Error('usage: pglite-main <data directory> <port>')

const databases = new Map<string, PGlite>()
let isClosing = false
// A new database is a copy of this empty one: initdb takes seconds.
const template = join(dataDir, '.template')
await mkdir(dataDir, { recursive: true })
if (!existsSync(template)) await makeTemplate()
const known = await readdir(dataDir)
for (const name of new Set(['postgres', ...known.filter(entry => !entry.startsWith('.'))])) await open(name)
const server = await servePglite({ port: Number(port), databaseNamed: name => databases.get(name) })

process.on('message', (request: { create: string }) => void create(request.create))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void close())
process.once('disconnect', () => void close())
tell({ ready: true })

async function makeTemplate(): Promise<void> {
  const unfinished = `${template}.${process.pid}`
  await (await PGlite.create(unfinished)).close()
  await rename(unfinished, template)
}

async function open(name: string): Promise<void> {
  const directory = join(dataDir!, name)
  if (!existsSync(directory)) {
    // Renamed when whole, so that a start that was cut short leaves no half database.
    const unfinished = join(dataDir!, `.${name}.${process.pid}`)
    await cp(template, unfinished, { recursive: true })
    await rename(unfinished, directory)
  }
  databases.set(name, await PGlite.create(directory))
}

async function create(name: string): Promise<void> {
  try {
    if (databases.has(name)) throw new Error(`database ${name} exists`)
    await open(name)
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
