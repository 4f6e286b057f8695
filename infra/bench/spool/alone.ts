import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { openSpool, type SpooledRecord } from '@fluxgate/gateway/spool'
import { pendingRecord } from '@fluxgate/nats'
import { createIds } from '@fluxgate/runtime'

const PER_TURN = 50
const PAYLOAD_BYTES = 500
const RUN_MS = 3_000

/** Events/s through a spool alone: written, taken to be sent, acknowledged; 50 a turn, each with 500 bytes of payload. */
export async function measureAlone(directory: string, fsync: 'off' | 'commit') {
  const root = await mkdtemp(join(directory, 'fluxgate-spool-'))
  const log = { info() {}, warn() {}, error: console.error }
  const newId = createIds()
  const settings = { root, node: 'bench', boot: newId(), fsync, carry: () => [], onRecord() {}, log }
  const { spool } = openSpool(settings)
  const payload = Buffer.alloc(PAYLOAD_BYTES, 'x')
  const subject = 'fluxgate.requests.00.completed.bench.k'
  const startedMs = performance.now()
  let events = 0
  try {
    while (performance.now() - startedMs < RUN_MS) {
      spool.add(
        Array.from(
          { length: PER_TURN },
          () => pendingRecord({ subject, id: newId(), payload, part: undefined }, undefined) as SpooledRecord,
        ),
      )
      await new Promise<void>(resolve => spool.commit([resolve]))
      for (let event = spool.next(); event; event = spool.next()) spool.acknowledged(event)
      spool.tick([])
      events += PER_TURN
      await new Promise(setImmediate)
    }
    return { eventsPerSecond: events / ((performance.now() - startedMs) / 1_000) }
  } finally {
    spool.close([])
    await rm(root, { recursive: true, force: true })
  }
}
