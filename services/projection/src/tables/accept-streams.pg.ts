import { STREAMS } from '@fluxgate/contracts'
import type { NatsLink } from '@fluxgate/nats'
import { type Database, runScript } from '@fluxgate/read-model'
import { beginAnew, lockCheckpoints, type Owner, selectCheckpoints } from './checkpoints.pg.ts'

/** Columns with positions in each stream. */
const POSITIONS: Readonly<Record<string, ReadonlyArray<readonly [table: string, column: string]>>> = {
  [STREAMS.requests]: [
    ['requests', 'decided_sequence'],
    ['requests', 'ended_sequence'],
  ],
  // Refusals of strangers stand in columns that have positions in other streams too: theirs become negative with them.
  [STREAMS.refusals]: [
    ['requests', 'decided_sequence'],
    ['auth_events', 'sequence'],
  ],
  [STREAMS.tokens]: [
    ['requests', 'settled_sequence'],
    ['budget_crossings', 'sequence'],
  ],
  [STREAMS.auth]: [['auth_events', 'sequence']],
  [STREAMS.throttles]: [['throttles', 'sequence']],
  [STREAMS.incidents]: [['incidents', 'sequence']],
}

/** A stream that the projection reads from its beginning from now on. */
export interface AcceptedStream {
  readonly stream: string
  /** When the stream of before was made, and up to where the tables hold it. */
  readonly before: { readonly created: string | null; readonly sequence: number }
  readonly created: string
}

/**
 * For each stream that was made anew, or that has lost its end, since the tables were folded: keeps the rows, and lets the
 * projection read what is there now from its beginning. Positions in the stream of before become negative, since the same
 * numbers mean other messages now. Changes nothing when all streams are those that the tables were folded from.
 */
export async function acceptStreams(db: Database, link: NatsLink, owner: Owner): Promise<AcceptedStream[]> {
  return db.transaction().execute(async trx => {
    await trx.executeQuery(lockCheckpoints(owner))
    const accepted: AcceptedStream[] = []
    for (const { stream, sequence, created: before } of (await trx.executeQuery(selectCheckpoints(owner)))
      .rows) {
      const { created: text, state } = await link.manager.streams.info(stream)
      const created = String(text)
      if ((before === null || before === created) && state.last_seq >= sequence) continue
      for (const [table, column] of POSITIONS[stream] ?? []) {
        await runScript(trx, `update ${table} set ${column} = -${column} where ${column} > 0`)
      }
      await trx.executeQuery(beginAnew(owner, stream, created))
      accepted.push({ stream, before: { created: before, sequence }, created })
    }
    return accepted
  })
}
