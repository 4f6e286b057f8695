import type { SpoolFigures } from '@fluxgate/gateway/spool'
import { MemoryBacklog } from '@fluxgate/nats'

const NOTHING: SpoolFigures = {
  bytes: 0,
  commits: 0,
  commitMs: 0,
  faults: 0,
  damagedBytes: 0,
  alreadyStored: 0,
  uncertain: 0,
  lost: 0,
  oldestMs: 0,
}

/** What the gateway calls of its spool, where there is none; stands in for `gateway/src/out/spool.ts`. */
class MemorySpool extends MemoryBacklog {
  readonly figures = NOTHING
  releaseAdopted(): void {}
}

export async function openNodeSpool() {
  return { spool: new MemorySpool(), left: new Map() }
}

export async function settleLeft(): Promise<void> {}
