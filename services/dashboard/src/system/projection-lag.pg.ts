import type { NatsLink } from '@fluxgate/nats'
import { type AsOf, asOf, type Database } from '@fluxgate/read-model'
import type { ProjectionLag } from './answers.ts'

/** How far each projection, in its newest version, is behind the heads of its streams. */
export async function projectionLag(db: Database, link: NatsLink, nowMs: number): Promise<ProjectionLag[]> {
  const positions = newestVersions(await asOf(db))
  const streams = [...new Set(positions.map(position => position.stream))]
  const heads = new Map(
    await Promise.all(
      streams.map(async stream => {
        const { state } = await link.manager.streams.info(stream)
        return [stream, state.last_seq] as const
      }),
    ),
  )
  return positions.map(({ projection, stream, sequence, updatedAt }) => {
    const behind = Math.max(0, (heads.get(stream) ?? sequence) - sequence)
    const lagMs = behind > 0 ? Math.max(0, nowMs - updatedAt) : 0
    return { projection, stream, sequence, behind, lagMs }
  })
}

/** A new version is built beside the live one: until it has caught up both are there, and the newest is to be watched. */
function newestVersions(positions: readonly AsOf[]): AsOf[] {
  const newest = new Map<string, number>()
  for (const { projection, version } of positions) {
    newest.set(projection, Math.max(version, newest.get(projection) ?? version))
  }
  return positions.filter(position => position.version === newest.get(position.projection))
}

/** Why Postgres cannot be asked, or undefined. */
export async function postgresError(db: Database): Promise<string | undefined> {
  try {
    await db.selectFrom('projection_checkpoints').select('sequence').limit(1).execute()
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}
