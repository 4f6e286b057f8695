import type { Database } from '@fluxgate/read-model'

/** Why Postgres cannot be asked, or undefined. */
export async function postgresFault(db: Database): Promise<string | undefined> {
  try {
    await db.selectFrom('projection_checkpoints').select('sequence').limit(1).execute()
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}
