import { type Database, type Questions, type ReadLimits, readViews } from '@fluxgate/read-model'
import type { SqlReader } from './backends.ts'
import { askPostgres } from './tables.pg.ts'

/** @param questions absent: this server has no user to ask them as */
export function openSqlReader(
  db: Database,
  questions: Questions | undefined,
  limits: Omit<ReadLimits, 'maxRows'>,
): SqlReader {
  return {
    views: () => askPostgres(readViews(db)),
    ask: async (statement, maxRows) =>
      questions === undefined
        ? { ok: false, kind: 'closed' }
        : await askPostgres(questions.ask(statement, { ...limits, maxRows })),
  }
}
