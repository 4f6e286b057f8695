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

/** What the gateway calls of its spool, where there is none; replaces `gateway/src/recovery/node-spool.fs.ts`. */
class MemorySpool extends MemoryBacklog {
  readonly figures = NOTHING
  releaseAdopted(): void {}
}

export async function openNodeSpool() {
  const others = () => ({ alive: 0, dead: 0 })
  return { spool: new MemorySpool(), left: new Map(), others, adoptDead: async () => undefined }
}

export async function settleLeft(): Promise<void> {}
