import type { Abuser } from './abuser.ts'
import type { Load } from './load.ts'
import type { TestEnv, TestEnvKind } from './test-env.ts'

const MIB = 1024 ** 2

export const MAIN: TestEnvKind = { servers: 1 }
export const CLUSTER: TestEnvKind = { servers: 3 }
/** Everything that can be full is full soon. */
export const SMALL: TestEnvKind = { servers: 1, spoolBytes: 4 * MIB, maxFileBytes: 24 * MIB }

/** A throttles bucket for a few hundred identities. */
export const SMALL_BUCKETS: TestEnvKind = { servers: 1, storageBytes: 64 * MIB }
/** For faults after which the stand is of no use to others. */
export const ALONE: TestEnvKind = { servers: 1 }

/** What a fault works with. */
export interface Blow {
  readonly env: TestEnv
  readonly load: Load
  /** Has burnt a moment ago what the guard must notice, so that a kill meets a decision in the making. */
  readonly abuser: Abuser
  /** How long whatever is away stays away. */
  readonly awayMs: number
}

export type Strike = (blow: Blow) => Promise<void>

export interface Fault {
  readonly name: string
  readonly kind: TestEnvKind
  /** What must be there before, and before anybody burns. */
  readonly prepare?: (env: TestEnv) => Promise<void>
  /** Brings the fault about and takes it away again; services that were killed run again when it resolves. */
  readonly strike: Strike
  /**
   * What the log held before is gone: only what clients see afterwards must be in it, the projection halts and says so,
   * and `verify`, which compares with tables of the lost log, is not asked.
   */
  readonly logIsLost?: true
  /** Why it cannot be brought about here, if so. */
  readonly missing?: (env: TestEnv) => string | undefined
}
