import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { migrateToLatest, openDatabase, runScript } from '@fluxgate/read-model'
import { BackupFault, type DatabaseBackup, hashOf } from './manifest.ts'

const DUMP_FILE = 'postgres.dump'
const MAX_ERROR_CHARS = 4_000

/**
 * Dumps the database by `pg_dump` as one moment saw it. Half-built tables of a rebuild are left out.
 * @throws {BackupFault} when `pg_dump` is not installed, is older than the server, or may not read
 */
export async function backUpDatabase(url: string, folder: string): Promise<DatabaseBackup> {
  const path = join(folder, DUMP_FILE)
  await client('pg_dump', url, ['--format=custom', '--exclude-schema=*rebuild*', `--file=${path}`])
  await chmod(path, 0o600)
  await using db = openDatabase(url, { max: 1, applicationName: 'backup' })
  const roles = (await runScript(
    db,
    "select rolname as name from pg_roles where rolname like 'fluxgate\\_%' and not rolcanlogin order by 1",
  )) as Array<{ name: string }>
  const memberships = (await runScript(
    db,
    `select r.rolname as role, m.rolname as member from pg_auth_members a
     join pg_roles r on r.oid = a.roleid join pg_roles m on m.oid = a.member
     where r.rolname like 'fluxgate\\_%' and m.rolname like 'fluxgate\\_%' and not m.rolcanlogin order by 1, 2`,
  )) as Array<{ role: string; member: string }>
  return {
    file: DUMP_FILE,
    bytes: (await stat(path)).size,
    sha256: await hashOf(path),
    roles: roles.map(({ name }) => name),
    memberships,
  }
}

/** Whether there are tables of ours that hold somebody. */
export async function isDatabaseInUse(url: string): Promise<boolean> {
  await using db = openDatabase(url, { max: 1, applicationName: 'restore' })
  const [found] = (await runScript(db, "select to_regclass('public.users') is not null as there")) as [
    { there: boolean },
  ]
  if (!found.there) return false
  const rows = await runScript(
    db,
    'select 1 where exists (select from users) or exists (select from projection_checkpoints)',
  )
  return rows.length > 0
}

/** Puts the tables back in place of those that are there, and brings them to this version. */
export async function restoreDatabase(url: string, backup: DatabaseBackup, folder: string): Promise<void> {
  {
    await using db = openDatabase(url, { max: 1, applicationName: 'restore', statementTimeoutMs: 0 })
    // Names were checked against their pattern when the manifest was read.
    const make = backup.roles.map(
      role => `do $$ begin create role ${role} nologin; exception when duplicate_object then null; end $$;`,
    )
    const join = backup.memberships.map(({ role, member }) => `grant ${role} to ${member};`)
    await runScript(db, [...make, ...join].join('\n'))
    await runScript(
      db,
      'drop schema if exists reports cascade; drop schema public cascade; create schema public',
    )
  }
  const options = ['--no-owner', '--exit-on-error', '--single-transaction']
  await client('pg_restore', url, [...options, join(folder, backup.file)])
  await using db = openDatabase(url, { max: 1, applicationName: 'restore', statementTimeoutMs: 0 })
  await migrateToLatest(db)
}

/** A stream that the server has made again from a backup. */
export interface RenewedStream {
  readonly stream: string
  /** When the saved one was made, where the backup says so. */
  readonly before: string | undefined
  readonly created: string
  readonly lastSequence: number
}

/**
 * Lets the checkpoints of the saved streams name the restored ones. Those of another stream, or behind the end of the
 * saved one, stay, and halt the projection. Does nothing where there are no tables yet.
 */
export async function renewCheckpoints(url: string, streams: readonly RenewedStream[]): Promise<void> {
  await using db = openDatabase(url, { max: 1, applicationName: 'restore' })
  const [found] = (await runScript(
    db,
    "select to_regclass('public.projection_checkpoints') is not null as there",
  )) as [{ there: boolean }]
  if (!found.there) return
  for (const { stream, before, created, lastSequence } of streams) {
    if (before === undefined) continue
    await db
      .updateTable('projection_checkpoints')
      .set({ stream_created: created })
      .where('stream', '=', stream)
      .where('stream_created', '=', before)
      .where('sequence', '<=', lastSequence)
      .execute()
  }
}

/** Runs one of Postgres' own programs; the password goes by the environment, where `ps` does not show it. */
async function client(program: string, url: string, args: readonly string[]): Promise<void> {
  const { address, password } = withoutPassword(url)
  const child = spawn(program, [`--dbname=${address}`, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...(password === undefined ? {} : { PGPASSWORD: password }) },
  })
  let reported = ''
  child.stderr.on('data', chunk => {
    reported = (reported + chunk).slice(-MAX_ERROR_CHARS)
  })
  const [code] = await once(child, 'close').catch((cause: unknown) => {
    throw new BackupFault(
      `${program} is not installed: take the client of the server's own version (Debian: postgresql-client)`,
      { cause },
    )
  })
  if (code !== 0) throw new BackupFault(`${program} ended with ${code}: ${reported.trim()}`)
}

function withoutPassword(url: string): { address: string; password: string | undefined } {
  const parsed = new URL(url)
  if (parsed.password === '') return { address: url, password: undefined }
  const password = decodeURIComponent(parsed.password)
  parsed.password = ''
  return { address: parsed.href, password }
}
