import { connectNats } from '@fluxgate/nats'
import { openDatabase } from '@fluxgate/read-model'
import { ConfigError, createLog, readConfig } from '@fluxgate/runtime'
import { readProjectionConfig } from './config.ts'
import { OWNER } from './service.ts'
import { acceptStreams } from './tables/index.ts'

/**
 * Lets the projection go on with streams that were made anew, as after NATS lost its disk. Writes a line of JSON for each of
 * them; none when there is nothing to accept. The projection begins with them when it is started next. Exit status 0, 1
 * when Postgres or NATS fail, 2 for a wrong setting.
 */
try {
  const config = readConfig(process.env, readProjectionConfig)
  await using db = openDatabase(config.databaseUrl, {
    max: 1,
    applicationName: 'accept',
    statementTimeoutMs: 0,
  })
  const log = createLog('accept', 'warn', 'stderr')
  await using link = await connectNats({ url: config.natsUrl, name: 'accept' }, log)
  for (const accepted of await acceptStreams(db, link, OWNER)) {
    process.stdout.write(`${JSON.stringify(accepted)}\n`)
  }
} catch (error) {
  const lines = error instanceof ConfigError ? error.faults : [(error as Error).message]
  for (const line of lines) process.stderr.write(`accept: ${line}\n`)
  process.exitCode = error instanceof ConfigError ? 2 : 1
}
