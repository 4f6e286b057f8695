import { existsSync, readFileSync } from 'node:fs'
import { cp, mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PGlite } from '@electric-sql/pglite'

const CACHE = fileURLToPath(new URL('../../../../.cache', import.meta.url))
const PACKAGE = new URL('../package.json', import.meta.resolve('@electric-sql/pglite'))

/**
 * Makes a data directory without tables. Its files are copied: `initdb` takes more than ten seconds of computing, so it
 * runs once for each version of PGlite. Each directory gets its name when it is whole, so that a start that was cut short
 * leaves no half database.
 */
export async function makeEmptyDirectory(dataDir: string): Promise<void> {
  const { version } = JSON.parse(readFileSync(PACKAGE, 'utf8')) as { version: string }
  const template = join(CACHE, `pglite-${version}`)
  if (!existsSync(template)) {
    await makeWhole(template, async unfinished => (await PGlite.create(unfinished)).close())
  }
  await copyDirectory(template, dataDir)
}

export async function copyDirectory(from: string, to: string): Promise<void> {
  // A template of a whole run is a link.
  await makeWhole(to, unfinished => cp(from, unfinished, { recursive: true, dereference: true }))
}

async function makeWhole(directory: string, make: (unfinished: string) => Promise<void>): Promise<void> {
  const unfinished = join(dirname(directory), `.${process.pid}-${process.hrtime.bigint()}`)
  await mkdir(dirname(directory), { recursive: true, mode: 0o700 })
  await make(unfinished)
  try {
    await rename(unfinished, directory)
  } catch (error) {
    // Another process was first.
    await rm(unfinished, { recursive: true, force: true })
    if (!existsSync(directory)) throw error
  }
}
