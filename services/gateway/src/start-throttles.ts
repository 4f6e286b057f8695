import type { Throttle } from '@fluxgate/contracts'
import { addressIdentity } from '@fluxgate/contracts/address-identity'
import { openPenaltyBox, type PenaltyBox, type Watch, watchBucket } from '@fluxgate/nats'
import { type ClientAddresses, openClientAddresses } from './addresses/index.ts'
import { endThrottledStreams } from './proxy/index.ts'
import type { EventLog, NodeContext } from './start-log.ts'

/** Throttles as the bucket has them, and client addresses, whose throttles outlive a rotation of their hashes. */
export interface Throttles extends AsyncDisposable {
  readonly penaltyBox: PenaltyBox
  readonly watch: Watch<Throttle>
  readonly addresses: ClientAddresses
}

/** A throttle ends the streams of its identity when it says so. */
export async function startThrottles(
  { log, epochMs, running }: NodeContext,
  { link, publisher, make }: EventLog,
): Promise<Throttles> {
  await using stack = new AsyncDisposableStack()
  const penaltyBox = openPenaltyBox(link, publisher, make)
  const watch = stack.use(
    await watchBucket(link, penaltyBox.bucket, {
      heartbeat: true,
      onChange: (identity, throttle) => endThrottledStreams(running, identity, throttle, epochMs()),
    }),
  )
  const throttles = () => watch.entries
  const addresses = stack.use(
    await openClientAddresses(link, { throttles, identityOf: addressIdentity, epochMs, log }),
  )
  const owned = stack.move()
  return { penaltyBox, watch, addresses, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
