export { acceptStreams } from './accept-streams.pg.ts'
export { lockCheckpoints } from './checkpoints.pg.ts'
export { compareTable, foldedTables, type RowDifference } from './compare.pg.ts'
export { halves, type Slice } from './log.ts'
export { type Applied, DataError as DataFault, PositionLost, type StoredPosition } from './outcome.ts'
export { prune } from './prune.pg.ts'
export {
  foldedStreams,
  type Positions,
  positionsIn,
  prepareRebuild,
  REBUILD_SCHEMA,
  trySwap,
} from './rebuild-schema.pg.ts'
export { openRequestDays } from './request-days.pg.ts'
export { openStore, type Store } from './store.pg.ts'
