import { type BatchedStream, type EventDefinition, eventFilters } from '@fluxgate/contracts'
import { LIVE_PREFIX } from '@fluxgate/nats'

/** Subjects that a user may publish to and subscribe to, as the server's permissions have them. */
export interface Permissions {
  readonly publish: readonly string[]
  readonly subscribe: readonly string[]
}

/** Answers come to inboxes of the user's own, so that no user hears another's. */
export const inboxOf = (user: string) => `_INBOX_${user}.>`

/** Appends these facts to the log. */
export const tells = (...facts: readonly EventDefinition[]): Permissions =>
  says(...facts.flatMap(eventFilters))

/** Appends batches of events to the streams that hold batches. */
export const tellsBatches = (...streams: readonly BatchedStream[]): Permissions =>
  says(...streams.map(stream => `fluxgate.${stream}.*`))

/** Hears these facts as they are published, without a stream. */
export const hears = (...facts: readonly EventDefinition[]): Permissions =>
  listens(...facts.flatMap(eventFilters))

/** Buries what cannot be read. */
export const buries = says('fluxgate.deadletter.*')

/** Asks how far streams are, and how they are set up. */
export const asks = (streams: readonly string[]): Permissions =>
  says(...streams.map(stream => `$JS.API.STREAM.INFO.${stream}`))

/** Asks who works the streams off, and how far they are behind. */
export const asksConsumers = (...streams: readonly string[]): Permissions =>
  says(...streams.map(stream => `$JS.API.CONSUMER.LIST.${stream}`))

/** Reads whole streams: single messages, and all of them by consumers without a name or acknowledgements. */
export const reads = (...streams: readonly string[]): Permissions =>
  says(
    ...streams.flatMap(stream => [
      `$JS.API.STREAM.MSG.GET.${stream}`,
      `$JS.API.CONSUMER.CREATE.${stream}`,
      `$JS.API.CONSUMER.MSG.NEXT.${stream}.*`,
    ]),
  )

/** Works off durable consumers of a stream, which it makes itself. */
export const worksOff = (stream: string, ...durables: readonly string[]): Permissions =>
  says(
    ...durables.flatMap(durable => [
      `$JS.API.CONSUMER.CREATE.${stream}.${durable}`,
      `$JS.API.CONSUMER.CREATE.${stream}.${durable}.>`,
      `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.${durable}`,
      `$JS.API.CONSUMER.MSG.NEXT.${stream}.${durable}`,
      `$JS.ACK.${stream}.${durable}.>`,
      // With a domain and an account before the stream, as servers with domains have it.
      `$JS.ACK.*.*.${stream}.${durable}.>`,
    ]),
  )

/** Follows the changes of buckets, from their snapshots on. */
export const watches = (...buckets: readonly string[]): Permissions =>
  both(
    reads(...buckets.map(bucket => `KV_${bucket}`)),
    listens(...buckets.map(bucket => `${LIVE_PREFIX}.${bucket}.>`)),
  )

/** Looks single values of buckets up. */
export const gets = (...buckets: readonly string[]): Permissions =>
  says(...buckets.map(bucket => `$JS.API.STREAM.MSG.GET.KV_${bucket}`))

export const writes = (...buckets: readonly string[]): Permissions =>
  says(...buckets.map(bucket => `$KV.${bucket}.>`))

/** Drops what deletions left in a bucket. */
export const sweeps = (bucket: string): Permissions => says(`$JS.API.STREAM.PURGE.KV_${bucket}`)

export function says(...publish: readonly string[]): Permissions {
  return { publish, subscribe: [] }
}

export function listens(...subscribe: readonly string[]): Permissions {
  return { publish: [], subscribe }
}

/** All of these, each subject once. */
export function both(...parts: readonly Permissions[]): Permissions {
  return {
    publish: [...new Set(parts.flatMap(part => part.publish))],
    subscribe: [...new Set(parts.flatMap(part => part.subscribe))],
  }
}
