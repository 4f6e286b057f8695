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
  const watch = new BucketWatch(link, bucket, options)
  await watch.begin()
  return watch
}

class BucketWatch<T> implements Watch<T> {
  readonly entries = new Map<string, T>()
  readonly #known = new Map<string, Known<T>>()
  readonly #link: NatsLink
  readonly #bucket: Bucket<T>
  readonly #options: WatchOptions<T>
  readonly #stop = new AbortController()
  readonly #stack = new DisposableStack()
  /** When the bucket was made whose revisions are known. */
  #madeAt: string | undefined
  #heardAtMs = performance.now()
  /** When the connection was lost, until a snapshot says what was missed. */
  #gapSinceMs: number | undefined
  #gaps = 0
  #reconciling: Promise<void> | undefined

  constructor(link: NatsLink, bucket: Bucket<T>, options: WatchOptions<T>) {
    this.#link = link
    this.#bucket = bucket
    this.#options = options
    this.#stack.defer(() => this.#stop.abort())
  }

  async begin(): Promise<void> {
    this.#subscribe()
    this.#stack.defer(this.#link.onDisconnect(() => this.#noteGap()))
    this.#stack.defer(
      this.#link.onReconnect(() => {
        this.#noteGap()
        void this.#reconcileSoon()
      }),
    )
    await this.#link.connection.flush()
    await this.#reconcile()
    const {
      reconcileMs = DEFAULT_RECONCILE_MS,
      heartbeat,
      heartbeatMs = DEFAULT_HEARTBEAT_MS,
    } = this.#options
    void every(reconcileMs, this.#stop.signal, () => this.#reconcileSoon())
    if (heartbeat) void every(heartbeatMs, this.#stop.signal, async () => this.#beat(heartbeatMs))
  }

  silentMs(): number {
    return performance.now() - (this.#gapSinceMs ?? this.#heardAtMs)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stack.dispose()
  }

  #subscribe(): void {
    const prefix = `${LIVE_PREFIX}.${this.#bucket.name}.`
    const subscription = this.#link.connection.subscribe(`${prefix}>`, {
      callback: (error, message) => {
        if (error) return this.#logError(error, 'changes cannot be received')
        this.#heardAtMs = performance.now()
        const key = message.subject.slice(prefix.length)
        const revision = Number(message.headers?.get('Nats-Sequence'))
        if (!(revision > 0)) return
        this.#apply(key, this.#bucket.read(key, message.data, operationOf(message)), revision)
      },
    })
    this.#stack.defer(() => subscription.unsubscribe())
  }

  #apply(key: string, value: T | undefined, revision: number): void {
    if (key.startsWith('_')) return
    const before = this.#known.get(key)
    if (before && before.revision >= revision) return
    this.#known.set(key, { value, revision })
    if (value === undefined && !this.entries.has(key)) return
    if (value === undefined) this.entries.delete(key)
    else this.entries.set(key, value)
    try {
      this.#options.onChange?.(key, value, revision)
    } catch (error) {
      // The entry is there for who looks; a snapshot must not fail for ever because of one key.
      this.#logError(error, 'a change could not be handled', { key })
    }
  }

  async #reconcile(): Promise<void> {
    const { signal } = this.#stop
    const before = this.#gaps
    let snapshot = await this.#bucket.snapshot(signal)
    if (this.#madeAt !== undefined && snapshot.created !== this.#madeAt) {
      // Revisions begin at 1 again. From now on those of the new bucket are known, and a second snapshot goes with them.
      this.#known.clear()
      snapshot = await this.#bucket.snapshot(signal)
    }
    const { changes, lastRevision, created } = snapshot
    if (signal.aborted) return
    this.#madeAt = created
    const present = new Set<string>()
    for (const { key, value, revision } of changes) {
      present.add(key)
      this.#apply(key, value, revision)
    }
    // A key that age removed leaves no marker behind.
    for (const key of new Set([...this.#known.keys(), ...this.entries.keys()])) {
      if (present.has(key) || (this.#known.get(key)?.revision ?? 0) > lastRevision) continue
      this.#apply(key, undefined, lastRevision)
      this.#known.delete(key)
    }
    forgetDeleted(this.#known)
    this.#heardAtMs = performance.now()
    if (this.#gaps === before) this.#gapSinceMs = undefined
  }

  #reconcileSoon(): Promise<void> {
    this.#reconciling ??= this.#reconcileUntilDone().finally(() => {
      this.#reconciling = undefined
    })
    return this.#reconciling
  }

  async #reconcileUntilDone(): Promise<void> {
    const { signal } = this.#stop
    // While disconnected there is nothing to ask: the reconnect begins it again.
    while (!signal.aborted && this.#link.isConnected()) {
      try {
        await this.#reconcile()
        if (this.#gapSinceMs === undefined) return
      } catch (error) {
        if (signal.aborted) return
        this.#link.log.warn({ err: error, bucket: this.#bucket.name }, 'snapshot failed, trying again')
        await pause(SNAPSHOT_RETRY_MS, signal)
      }
    }
  }

  #noteGap(): void {
    this.#gaps++
    this.#gapSinceMs ??= this.#heardAtMs
  }

  /** Whoever notices the silence first breaks it, so one writer does for all watchers. */
  #beat(heartbeatMs: number): void {
    if (performance.now() - this.#heardAtMs < heartbeatMs || !this.#link.isConnected()) return
    this.#link.connection.publish(`$KV.${this.#bucket.name}.${HEARTBEAT_KEY}`, '{}')
  }

  #logError(error: unknown, message: string, more: Readonly<Record<string, unknown>> = {}): void {
    this.#link.log.error({ err: error, bucket: this.#bucket.name, ...more }, message)
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
