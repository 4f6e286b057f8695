import { resolve } from 'node:path'
import { connectNats } from '@fluxgate/nats'
import { createLog } from '@fluxgate/runtime'
import { runOrder, type Tell } from './command.ts'
import { LOG_LEVEL, type OperateConfig } from './config.ts'
import { isDatabaseInUse, type RenewedStream, renewCheckpoints, restoreDatabase } from './database.ts'
import { BackupFault, readManifest, type StreamBackup } from './manifest.ts'
import { deleteStream, restoreStream, type StreamState, stateOf } from './restore-stream.ts'

/**
 * Puts a backup in the place of what is there, while no service runs. Every file is checked first; streams that hold
 * messages and tables that hold somebody are replaced only when the order says so.
 */
export async function restore(
  config: OperateConfig,
  from: string,
  tell: Tell,
  options: ReadonlySet<string> = new Set(),
): Promise<void> {
  const folder = resolve(from)
  const { streams, database, madeAt } = await readManifest(folder)
  tell(`backup of ${madeAt}: ${streams.length} streams, all files whole`)
  await using link = await connectNats(
    { url: config.natsUrl, name: 'restore' },
    createLog('restore', LOG_LEVEL),
  )

  const there: string[] = []
  const full: string[] = []
  for (const { stream } of streams) {
    const state = await stateOf(link, stream)
    if (state) there.push(stream)
    if (state && state.lastSequence > 0) full.push(stream)
  }
  if (database && (await isDatabaseInUse(config.databaseUrl))) full.push('Postgres')
  if (full.length > 0 && !options.has('replace')) {
    throw new BackupFault(
      `${full.join(', ')} would be replaced: say so by --replace, with every service stopped`,
    )
  }

  if (database) {
    await restoreDatabase(config.databaseUrl, database, folder)
    tell('Postgres: restored')
  }
  // Tables that cannot be reached stop the restore here, and not when the streams have been replaced.
  await renewCheckpoints(config.databaseUrl, [])
  for (const stream of there) await deleteStream(link, stream)
  const renewed: RenewedStream[] = []
  for (const backup of streams) {
    const state = await restoreStream(link, backup, folder, config.storage.replicas)
    const { stream, created: before } = backup
    renewed.push({ stream, before, created: state.created, lastSequence: state.lastSequence })
    tell(`${backup.stream}: ${compared(backup, state)}`)
  }
  await renewCheckpoints(config.databaseUrl, renewed)
  tell(
    'done. Users of Postgres are not in a backup: where the server is new, run `npm run fluxgate -- db:users`.',
  )
}

/** @throws {BackupFault} when the stream does not end where it ended */
function compared(backup: StreamBackup, state: StreamState): string {
  if (state.lastSequence !== backup.lastSequence) {
    throw new BackupFault(
      `${backup.stream} ends at ${state.lastSequence} and should end at ${backup.lastSequence}`,
    )
  }
  const expired = backup.messages - state.messages
  const rest = expired > 0 ? `; ${expired.toLocaleString('en')} are past their retention` : ''
  return `${state.messages.toLocaleString('en')} messages, to ${state.lastSequence.toLocaleString('en')}${rest}`
}

if (import.meta.main) await runOrder('restore', '<folder> [--replace]', ['replace'], restore)
