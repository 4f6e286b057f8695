import {
  type Environment,
  type LogLevel,
  type LogStorage,
  readConfig,
  readLogStorage,
} from '@fluxgate/runtime'
import { readConnection } from '../../local/src/connection.ts'
import { BackupFault } from './manifest.ts'

export interface OperateConfig {
  /** As a user who may everything: `operator`. */
  readonly natsUrl: string
  readonly databaseUrl: string
  readonly storage: LogStorage
}

/** Warnings alone: what goes on is told line by line. */
export const LOG_LEVEL: LogLevel = 'warn'

/** The servers that are named, else those of the system that runs with the data directory. */
export async function readOperateConfig(env: Environment): Promise<OperateConfig> {
  const given = readConfig(env, reader => ({
    natsUrl: reader.optional('NATS_URL'),
    databaseUrl: reader.optional('DATABASE_URL') && reader.url('DATABASE_URL', ['postgres:', 'postgresql:']),
    dataDir: reader.text('FLUXGATE_DATA_DIR', '.fluxgate'),
    storage: readLogStorage(reader),
  }))
  if (given.natsUrl !== undefined && given.databaseUrl !== undefined) {
    return { natsUrl: given.natsUrl, databaseUrl: given.databaseUrl, storage: given.storage }
  }
  const running = await readConnection(given.dataDir)
  if (!running) {
    throw new BackupFault(
      `set NATS_URL (user operator) and DATABASE_URL (owner of the tables): nothing runs in ${given.dataDir}`,
    )
  }
  return {
    natsUrl: given.natsUrl ?? running.natsUrl,
    databaseUrl: given.databaseUrl ?? running.databaseUrl,
    storage: given.storage,
  }
}
