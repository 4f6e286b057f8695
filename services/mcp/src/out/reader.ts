import { type Database, type Questions, type ReadLimits, readViews } from '@fluxgate/read-model'
import type { Reader } from '../core/desk.ts'
import { asked } from './tables.ts'

/** @param questions absent: this server has no user to ask them as */
export function openReader(
  db: Database,
  questions: Questions | undefined,
  limits: Omit<ReadLimits, 'maxRows'>,
): Reader {
  return {
    views: () => asked(readViews(db)),
    ask: async (statement, maxRows) =>
      questions === undefined
        ? { ok: false, kind: 'closed' }
        : await asked(questions.ask(statement, { ...limits, maxRows })),
  }
}
