import type { TierName } from '@fluxgate/contracts'
import { adoptSpools, type SpoolAdoption, settleLeft } from './recovery/index.ts'
import type { Limits } from './start-limits.ts'
import type { EventLog, NodeContext } from './start-log.ts'

/** Settles the requests that dead nodes left in their spools: those that are here now, and those found later. */
export async function startRecovery(
  { config, log }: NodeContext,
  { spool: nodeSpool, link, make, append, committed }: EventLog,
  { table, prices }: Limits,
): Promise<SpoolAdoption> {
  const { spool, left } = nodeSpool
  const refillRateOf = (identity: string, tier: TierName) => table.tierOf(identity, tier).refillRate
  const settle = (open: typeof left) => settleLeft(open, { link, make, append, refillRateOf, prices, log })
  const settled = () => committed(() => spool.releaseAdopted())
  await settle(left)
  settled()
  const everyMs = config.spool.lookEveryMs
  return adoptSpools({ spool: nodeSpool, everyMs, isConnected: link.isConnected, settle, settled, log })
}
