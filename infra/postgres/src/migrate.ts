import { migrateToLatest, openDatabase } from '@fluxgate/read-model'
import { ConfigError, readConfig } from '@fluxgate/runtime'

/** Brings a database up to date and returns the names of the migrations it ran; waits for another that runs already. */
export async function migrate(databaseUrl: string): Promise<string[]> {
  // A migration may take long, and waiting for another one's lock is a statement too.
  await using db = openDatabase(databaseUrl, { max: 1, applicationName: 'migrate', statementTimeoutMs: 0 })
  return await migrateToLatest(db)
}

async function main(): Promise<void> {
  const url = readConfig(process.env, env => env.url('DATABASE_URL', ['postgres:', 'postgresql:']))
  const ran = await migrate(url)
  console.log(ran.length === 0 ? 'the schema is up to date' : `ran ${ran.join(', ')}`)
}

if (import.meta.main) {
  await main().catch(error => {
    const lines = error instanceof ConfigError ? error.faults : [describe(error)]
    for (const line of lines) console.error(`migrate: ${line}`)
    process.exitCode = error instanceof ConfigError ? 2 : 1
  })
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message : `${error.message}: ${describe(error.cause)}`
}
