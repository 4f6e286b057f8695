import { mkdir, readdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import { connectNats, DEFAULT_TOPOLOGY, topology } from '@fluxgate/nats'
import { createLog } from '@fluxgate/runtime'
import { runOrder, type Tell } from './command.ts'
import { LOG_LEVEL, type OperateConfig } from './config.ts'
import { backUpDatabase } from './database.ts'
import { BackupFault, type Manifest, type StreamBackup, writeManifest } from './manifest.ts'
import { stateOf } from './restore-stream.ts'
import { backUpStream } from './snapshot.ts'

/**
 * Copies tables and streams into a new folder while the system runs; with `log-only` somebody else saved the tables before. The tables come first: their checkpoints then never
 * point beyond the end of the streams, and the projection goes on from them.
 */
export async function backUp(
  config: OperateConfig,
  to: string,
  tell: Tell,
  options: ReadonlySet<string> = new Set(),
): Promise<Manifest> {
  const folder = resolve(to)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  if ((await readdir(folder)).length > 0) throw new BackupFault(`${folder} is not empty`)
  await using link = await connectNats(
    { url: config.natsUrl, name: 'backup' },
    createLog('backup', LOG_LEVEL),
  )

  const database = options.has('log-only') ? undefined : await backUpDatabase(config.databaseUrl, folder)
  if (database) tell(`Postgres: ${size(database.bytes)}`)
  const streams: StreamBackup[] = []
  for (const { name } of topology(DEFAULT_TOPOLOGY)) {
    const state = await stateOf(link, name!)
    if (!state) throw new BackupFault(`there is no stream ${name}: is this the right server?`)
    tell(`${name}: ${state.messages.toLocaleString('en')} messages …`)
    const backup = await backUpStream(link, name!, folder)
    tell(`${name}: to ${backup.lastSequence.toLocaleString('en')}, ${size(backup.bytes)}`)
    streams.push({ ...backup, created: state.created })
  }
  const manifest: Manifest = {
    version: 1,
    madeAt: new Date().toISOString(),
    streams,
    ...(database ? { database } : {}),
  }
  await writeManifest(folder, manifest)
  tell(`done: ${folder}. It holds names, addresses and hashes of passwords: keep it as you keep those.`)
  return manifest
}

function size(bytes: number): string {
  return `${(bytes / 1024 ** 2).toLocaleString('en', { maximumFractionDigits: 1 })} MiB`
}

if (import.meta.main) await runOrder('backup', '<new folder> [--log-only]', ['log-only'], backUp)
