import type { Msg } from 'nats'
import type { Bucket } from './bucket.ts'
import type { NatsLink } from './link.ts'
import { pause } from './read.ts'
import { LIVE_PREFIX } from './topology.ts'

export interface WatchOptions<T> {
  /** Called for each key whose value changed, in revision order per key; undefined means gone. */
  readonly onChange?: (key: string, value: T | undefined, revision: number) => void
  /** Write a heartbeat key when none was seen for a second, so that silence is known. Needs write permission. */
  readonly heartbeat?: boolean
  /** The silence after which one is written. */
  readonly heartbeatMs?: number
  readonly reconcileMs?: number
}

/** A bucket as seen from here, at most some tenths of a second behind it. */
export interface Watch<T> extends AsyncDisposable {
  readonly entries: ReadonlyMap<string, T>
  /**
   * Milliseconds since anything was heard of the bucket; only meaningful with heartbeats. After a reconnect whose snapshot
   * is not in yet: since the connection was lost, whatever was heard since, because what changed in the gap is not known.
   */
  silentMs(): number
}

interface Known<T> {
  value: T | undefined
  revision: number
}

const DEFAULT_RECONCILE_MS = 30_000
const DEFAULT_HEARTBEAT_MS = 1_000
/** A snapshot that failed is tried again that much later. */
const SNAPSHOT_RETRY_MS = 500
const HEARTBEAT_KEY = '_heartbeat'
/** Deletions older than this many are forgotten; a reconcile does not bring them back. */
const MAX_DELETED = 10_000

/**
 * Watches a bucket by a plain subscription to its republished changes, with a snapshot at the start, after each
 * reconnect and every `reconcileMs`. A JetStream watch is one consumer on one server and is silent for 13 s and more
 * when that server dies; this one is not. Changes are applied by revision, so order and repetition do not matter.
 * Resolves when the first snapshot is in.
 */
export async function watchBucket<T>(
  link: NatsLink,
  bucket: Bucket<T>,
  options: WatchOptions<T> = {},
): Promise<Watch<T>> {
  const known = new Map<string, Known<T>>()
  const entries = new Map<string, T>()
  const stop = new AbortController()
  /** When the bucket was made whose revisions are known. */
  let madeAt: string | undefined
  let heardAtMs = performance.now()
  /** When the connection was lost, until a snapshot says what was missed. */
  let gapSinceMs: number | undefined
  let gaps = 0

  function apply(key: string, value: T | undefined, revision: number): void {
    if (key.startsWith('_')) return
    const before = known.get(key)
    if (before && before.revision >= revision) return
    known.set(key, { value, revision })
    if (value === undefined && !entries.has(key)) return
    if (value === undefined) entries.delete(key)
    else entries.set(key, value)
    try {
      options.onChange?.(key, value, revision)
    } catch (error) {
      // The entry is there for who looks; a snapshot must not fail for ever because of one key.
      link.log.error({ err: error, bucket: bucket.name, key }, 'a change could not be handled')
    }
  }

  async function reconcile(): Promise<void> {
    const before = gaps
    let snapshot = await bucket.snapshot(stop.signal)
    if (madeAt !== undefined && snapshot.created !== madeAt) {
      // Revisions begin at 1 again. From now on those of the new bucket are known, and a second snapshot goes with them.
      known.clear()
      snapshot = await bucket.snapshot(stop.signal)
    }
    const { changes, lastRevision, created } = snapshot
    if (stop.signal.aborted) return
    madeAt = created
    const present = new Set<string>()
    for (const { key, value, revision } of changes) {
      present.add(key)
      apply(key, value, revision)
    }
    // A key that age removed leaves no marker behind.
    for (const key of new Set([...known.keys(), ...entries.keys()])) {
      if (present.has(key) || (known.get(key)?.revision ?? 0) > lastRevision) continue
      apply(key, undefined, lastRevision)
      known.delete(key)
    }
    forgetDeleted(known)
    heardAtMs = performance.now()
    if (gaps === before) gapSinceMs = undefined
  }

  const prefix = `${LIVE_PREFIX}.${bucket.name}.`
  const subscription = link.connection.subscribe(`${prefix}>`, {
    callback: (error, message) => {
      if (error) return link.log.error({ err: error, bucket: bucket.name }, 'changes cannot be received')
      heardAtMs = performance.now()
      const key = message.subject.slice(prefix.length)
      const revision = Number(message.headers?.get('Nats-Sequence'))
      if (revision > 0) apply(key, bucket.read(key, message.data, operationOf(message)), revision)
    },
  })
  let reconciling: Promise<void> | undefined
  const reconcileUntilDone = async () => {
    // While disconnected there is nothing to ask: the reconnect begins it again.
    while (!stop.signal.aborted && link.isConnected()) {
      try {
        await reconcile()
        if (gapSinceMs === undefined) return
      } catch (error) {
        if (stop.signal.aborted) return
        link.log.warn({ err: error, bucket: bucket.name }, 'snapshot failed, trying again')
        await pause(SNAPSHOT_RETRY_MS, stop.signal)
      }
    }
  }
  const reconcileSoon = () => {
    reconciling ??= reconcileUntilDone().finally(() => {
      reconciling = undefined
    })
    return reconciling
  }
  const gap = () => {
    gaps++
    gapSinceMs ??= heardAtMs
  }
  const offDisconnect = link.onDisconnect(gap)
  const offReconnect = link.onReconnect(() => {
    gap()
    void reconcileSoon()
  })

  await link.connection.flush()
  await reconcile()
  void every(options.reconcileMs ?? DEFAULT_RECONCILE_MS, stop.signal, reconcileSoon)
  if (options.heartbeat) {
    const heartbeatMs = options.heartbeatMs ?? DEFAULT_HEARTBEAT_MS
    void every(heartbeatMs, stop.signal, async () => {
      if (performance.now() - heardAtMs < heartbeatMs || !link.isConnected()) return
      // Whoever notices the silence first breaks it, so one writer does for all watchers.
      link.connection.publish(`$KV.${bucket.name}.${HEARTBEAT_KEY}`, '{}')
    })
  }

  return {
    entries,
    silentMs: () => performance.now() - (gapSinceMs ?? heardAtMs),
    async [Symbol.asyncDispose]() {
      stop.abort()
      offDisconnect()
      offReconnect()
      subscription.unsubscribe()
    },
  }
}

function operationOf(message: Msg): string | undefined {
  return message.headers?.get('KV-Operation') || undefined
}

function forgetDeleted<T>(known: Map<string, Known<T>>): void {
  let deleted = 0
  for (const state of known.values()) if (state.value === undefined) deleted++
  for (const [key, state] of known) {
    if (deleted <= MAX_DELETED) return
    if (state.value === undefined) {
      known.delete(key)
      deleted--
    }
  }
}

async function every(ms: number, signal: AbortSignal, action: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    // Spread the writers and readers of many nodes over the interval.
    await pause(ms * (0.9 + Math.random() * 0.2), signal)
    if (!signal.aborted) await action()
  }
}
