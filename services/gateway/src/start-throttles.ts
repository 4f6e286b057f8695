import { BUCKETS, jsonParser, Throttle } from '@fluxgate/contracts'
import { addressIdentity } from '@fluxgate/contracts/address-identity'
import { Bucket, type Watch, watchBucket } from '@fluxgate/nats'
import { type ClientAddresses, openClientAddresses } from './addresses/index.ts'
import { endThrottledStreams } from './proxy/index.ts'
import type { EventLog, NodeContext } from './start-log.ts'

/** Throttles as the bucket has them, and client addresses, whose throttles outlive a rotation of their hashes. */
export interface Throttles extends AsyncDisposable {
  readonly watch: Watch<Throttle>
  readonly addresses: ClientAddresses
}

/** A throttle ends the streams of its identity when it says so. */
export async function startThrottles(
  { log, epochMs, running }: NodeContext,
  { link }: EventLog,
): Promise<Throttles> {
  await using stack = new AsyncDisposableStack()
  const bucket = new Bucket(link, BUCKETS.throttles, jsonParser(Throttle))
  const watch = stack.use(
    await watchBucket(link, bucket, {
      heartbeat: true,
      onChange: (identity, throttle) => endThrottledStreams(running, identity, throttle, epochMs()),
    }),
  )
  const throttles = () => watch.entries
  const addresses = stack.use(
    await openClientAddresses(link, { throttles, identityOf: addressIdentity, epochMs, log }),
  )
  const owned = stack.move()
  return { watch, addresses, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
