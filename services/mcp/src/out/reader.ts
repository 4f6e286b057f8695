import { type Database, type ReadLimits, readQuery, readViews } from '@fluxgate/read-model'
import type { Reader } from '../core/desk.ts'
import { asked } from './tables.ts'

/** @param db of a user in the role `fluxgate_mcp_reader`, or of one that may take it on */
export function openReader(db: Database, limits: Omit<ReadLimits, 'maxRows'>): Reader {
  return {
    views: () => asked(readViews(db)),
    ask: (statement, maxRows) => asked(readQuery(db, statement, { ...limits, maxRows })),
  }
}
