import { ANONYMOUS, type Throttle } from '@fluxgate/contracts'
import { GUARD_ACTOR } from '@fluxgate/guard-core'
import { type Bucket, type NatsLink, RevisionConflict } from '@fluxgate/nats'

/** Part of the bucket that automatic throttles may fill; the rest is for what operators order. */
export const AUTOMATIC_PART = 0.75
/** Making room goes on down to this part, so that it is not asked for with each throttle. */
const TARGET_PART = 0.65
/** A deletion is known to every gateway by then, which take a snapshot each 30 s. */
const MARKER_RETAINED_MS = 60_000
const MAX_MARKERS = 10_000
/** Throttles between two looks at the bucket's size, and the part of the bucket that they may fill. */
const LOOK_AFTER = 64
const LOOK_AFTER_PART = 0.05
/** A throttle with its key and the stream's own bytes: some 420. */
const THROTTLE_BYTES = 512
const LOOK_EVERY_MS = 1_000
/** Throttles dropped side by side. */
const DROPPED_AT_ONCE = 32

export interface RoomHooks {
  readonly nowMs: () => number
  leads(): boolean
  /** Says that a throttle ends before its time. */
  publishDropped(key: string, throttle: Throttle, revision: number): Promise<void>
  onDropped(count: number): void
  /** Part of the bucket that is used. */
  onUsed(part: number): void
}

/**
 * Keeps room in the bucket of throttles: an attacker with many addresses must not keep an operator from throttling. When
 * automatic throttles fill their part, the markers of ended throttles go first, then the throttles of strangers'
 * addresses, then those of known identities; of each the one that would end soonest. Operators' throttles stay.
 */
export class ThrottleRoom implements AsyncDisposable {
  readonly #stop = new AbortController()
  readonly #link: NatsLink
  readonly #bucket: Bucket<Throttle>
  readonly #hooks: RoomHooks
  readonly #timer: NodeJS.Timeout
  #sinceLook = 0
  #lookAfter = 1
  #making: Promise<boolean> | undefined

  constructor(link: NatsLink, bucket: Bucket<Throttle>, hooks: RoomHooks) {
    this.#link = link
    this.#bucket = bucket
    this.#hooks = hooks
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS)
    this.#timer.unref()
  }

  /** To be awaited before each automatic throttle. */
  async beforeImpose(): Promise<void> {
    // What fails here fails the writing itself, too.
    while (this.#making || this.#sinceLook >= this.#lookAfter) await this.make().catch(() => {})
    this.#sinceLook++
  }

  /** Makes room if there is too little. @returns false when what is left is not the guard's to drop */
  make(): Promise<boolean> {
    this.#making ??= this.#makeRoom().finally(() => {
      this.#making = undefined
    })
    return this.#making
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    this.#stop.abort()
    await this.#making?.catch(() => {})
  }

  #look(): void {
    if (!this.#hooks.leads() || !this.#link.isConnected()) return
    this.make().catch(error =>
      this.#link.log.warn({ err: error }, 'room for throttles not made, trying again'),
    )
  }

  async #makeRoom(): Promise<boolean> {
    this.#sinceLook = 0
    let used = await this.#usedPart()
    if (used <= AUTOMATIC_PART) return true
    await this.#bucket.purgeDeleted(this.#hooks.nowMs() - MARKER_RETAINED_MS, MAX_MARKERS, this.#stop.signal)
    used = await this.#usedPart()
    if (used <= TARGET_PART) return true
    const dropped = await this.#dropTo(used)
    if (dropped === undefined) return false
    this.#hooks.onDropped(dropped)
    this.#link.log.warn(
      { bucket: this.#bucket.name, used, dropped },
      'the bucket of throttles is full: automatic ones dropped',
    )
    return (await this.#usedPart()) <= AUTOMATIC_PART
  }

  async #usedPart(): Promise<number> {
    const { config, state } = await this.#link.manager.streams.info(this.#bucket.stream)
    const maxBytes = config.max_bytes > 0 ? config.max_bytes : Number.POSITIVE_INFINITY
    const part = state.bytes / maxBytes
    this.#lookAfter = Math.min(LOOK_AFTER, Math.ceil((maxBytes * LOOK_AFTER_PART) / THROTTLE_BYTES))
    this.#hooks.onUsed(part)
    return part
  }

  /** Drops automatic throttles until the bucket should be down to its target. @returns undefined when it had to stop */
  async #dropTo(used: number): Promise<number | undefined> {
    const entries = [...(await this.#bucket.entries())]
    const automatic = entries
      .filter(([, { value }]) => value.actor === GUARD_ACTOR)
      .sort(([a, { value: one }], [b, { value: other }]) => worthOf(a, one) - worthOf(b, other))
    const wanted = Math.ceil((entries.length * (used - TARGET_PART)) / used)
    let dropped = 0
    for (let at = 0; at < Math.min(wanted, automatic.length); at += DROPPED_AT_ONCE) {
      if (!this.#hooks.leads() || this.#stop.signal.aborted) return undefined
      const some = automatic.slice(at, Math.min(at + DROPPED_AT_ONCE, wanted))
      const done = await Promise.all(
        some.map(([key, { value, revision }]) => this.#drop(key, value, revision)),
      )
      dropped += done.filter(Boolean).length
    }
    return dropped
  }

  async #drop(key: string, throttle: Throttle, revision: number): Promise<boolean> {
    try {
      await this.#hooks.publishDropped(key, throttle, revision)
      // Watchers hear of the deletion; when the bucket has no room even for that, they find out at their next snapshot.
      const marker = await this.#bucket.delete(key, revision).catch(error => {
        if (error instanceof RevisionConflict) throw error
        return revision
      })
      await this.#bucket.purge(key, marker)
      return true
    } catch (error) {
      if (error instanceof RevisionConflict) return false
      throw error
    }
  }
}

/** Strangers' addresses before known identities; then by when the throttle ends. */
function worthOf(key: string, { until }: Throttle): number {
  return key.startsWith(`${ANONYMOUS}.`) ? until : until + Number.MAX_SAFE_INTEGER / 2
}
