import { readdir, readFile } from 'node:fs/promises'
import { type Kysely, sql } from 'kysely'
import { type Migration, type MigrationProvider, Migrator } from 'kysely/migration'
import type { Database } from './database.ts'
import type { Tables } from './tables.ts'

const FOLDER = new URL('../migrations/', import.meta.url)

/** Name (the file's, without `.sql`) and text of each migration, in order. */
export async function readMigrations(): Promise<Array<{ name: string; text: string }>> {
  const files = (await readdir(FOLDER)).filter(file => file.endsWith('.sql')).sort()
  return Promise.all(
    files.map(async file => ({
      name: file.slice(0, -'.sql'.length),
      text: await readFile(new URL(file, FOLDER), 'utf8'),
    })),
  )
}

const provider: MigrationProvider = {
  async getMigrations() {
    const migrations: Record<string, Migration> = {}
    for (const { name, text } of await readMigrations()) {
      migrations[name] = {
        async up(db) {
          await runScript(db, text)
        },
      }
    }
    return migrations
  },
}

/** Brings the schema up to date and returns the names of what it ran. Safe to run from many processes at once. */
export async function migrateToLatest(db: Database): Promise<string[]> {
  const { error, results = [] } = await new Migrator({ db, provider }).migrateToLatest()
  if (error) {
    const failed = results.find(result => result.status === 'Error')
    throw new Error(failed ? `migration ${failed.migrationName} failed` : 'migration failed', {
      cause: error,
    })
  }
  return results.map(result => result.migrationName)
}

/** Runs SQL text, of one statement or many, and returns the rows of the last. */
export async function runScript(db: Kysely<Tables>, text: string): Promise<unknown[]> {
  return (await sql.raw(text).execute(db)).rows
}
