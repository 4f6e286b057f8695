import { BUCKETS, type LeaseRecord, readLease } from '@fluxgate/contracts'
import { Bucket, type NatsLink, pause, RevisionConflict } from '@fluxgate/nats'

export interface LeaseOptions<T> {
  /** What is led: the key in bucket `leases`. */
  readonly name: string
  /** Who wants it; another word at every start of a process. */
  readonly holder: string
  /** Checks the state that a holder before us left. */
  readonly readState: (value: unknown) => T | undefined
  /** A lease that was not renewed for this long may be taken by another. */
  readonly ttlMs?: number
}

const DEFAULT_TTL_MS = 2_000
const RENEWALS_PER_TTL = 4
const LOOKS_PER_TTL = 10
/** A holder stops believing before others may take: clocks do not run quite alike. */
const TRUSTED_PART = 0.9

/**
 * Waits until `name` is ours; undefined when `signal` ends the waiting. No clocks are compared: a waiting process takes
 * the lease when it has seen the same revision for a whole `ttlMs` of its own time, and only over that revision.
 */
export async function acquireLease<T>(
  link: NatsLink,
  options: LeaseOptions<T>,
  signal: AbortSignal,
): Promise<Lease<T> | undefined> {
  const bucket = new Bucket(link, BUCKETS.leases, bytes => ({ ok: true, value: readLease(bytes) }))
  const ttlMs = options.ttlMs ?? DEFAULT_TTL_MS
  let seen: { revision: number; atMs: number } | undefined
  let warned: string | undefined
  while (!signal.aborted) {
    try {
      // A question asked while disconnected would hold us up for its whole timeout.
      if (!link.isConnected()) throw new Error('NATS is disconnected')
      const found = await bucket.get(options.name)
      const nowMs = performance.now()
      if (found && found.revision !== seen?.revision) seen = { revision: found.revision, atMs: nowMs }
      const isFree = !found || found.value.holder === '' || (seen && nowMs - seen.atMs >= ttlMs)
      if (isFree && !signal.aborted) {
        const term = (found?.value.term ?? 0) + 1
        const state = options.readState(found?.value.state)
        const record = { holder: options.holder, term, state }
        const revision = await bucket.update(options.name, record, found?.revision ?? 0)
        return new Lease(link, bucket, options, record, { revision, ttlMs, sinceMs: nowMs })
      }
    } catch (error) {
      const { message } = error as Error
      if (!(error instanceof RevisionConflict) && message !== warned && !signal.aborted) {
        warned = message
        link.log.warn({ err: error, lease: options.name }, 'lease cannot be asked for, trying again')
      }
    }
    await pause(ttlMs / LOOKS_PER_TTL, signal)
  }
  return undefined
}

/**
 * Leadership for a time, renewed in the background, and the leader's state stored in the same record. Each write goes
 * over the revision of the one before, so a leader that was paused and replaced cannot write any more.
 */
export class Lease<T> implements AsyncDisposable {
  readonly term: number
  /** Aborted once, when the lease is lost or given back. */
  readonly lost: AbortSignal
  readonly #link: NatsLink
  readonly #bucket: Bucket<LeaseRecord>
  readonly #options: LeaseOptions<T>
  readonly #losing = new AbortController()
  readonly #trustedMs: number
  readonly #timer: NodeJS.Timeout
  #state: T | undefined
  #revision: number
  #trustedUntilMs: number
  #writing: Promise<void> = Promise.resolve()
  #queued: Promise<void> | undefined

  constructor(
    link: NatsLink,
    bucket: Bucket<LeaseRecord>,
    options: LeaseOptions<T>,
    record: { term: number; state: T | undefined },
    taken: { revision: number; ttlMs: number; sinceMs: number },
  ) {
    this.term = record.term
    this.lost = this.#losing.signal
    this.#link = link
    this.#bucket = bucket
    this.#options = options
    this.#state = record.state
    this.#revision = taken.revision
    this.#trustedMs = taken.ttlMs * TRUSTED_PART
    this.#trustedUntilMs = taken.sinceMs + this.#trustedMs
    this.#timer = setInterval(() => this.isHeld() && void this.#write(), taken.ttlMs / RENEWALS_PER_TTL)
    this.#timer.unref()
  }

  /** What was stored last, by this holder or the one before. */
  get state(): T | undefined {
    return this.#state
  }

  /** To be asked right before anything that only the leader may do. Once false it stays false. */
  isHeld(): boolean {
    if (performance.now() >= this.#trustedUntilMs) this.#lose('not renewed in time')
    return !this.lost.aborted
  }

  /** Takes `state` along with the next renewal. */
  storeWithRenewal(state: T): void {
    this.#state = state
  }

  /** Resolves when `state`, or a later one, is stored, or when the lease is lost. */
  store(state: T): Promise<void> {
    this.#state = state
    return this.#write()
  }

  /** Gives the lease back, with the state stored last, so that the next one need not wait. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    // A lost one has nothing to give back, and an answer to its last write may never come.
    if (!this.lost.aborted) await (this.#queued ?? this.#writing)
    if (this.isHeld() && this.#link.isConnected()) {
      const record = { holder: '', term: this.term, state: this.#state }
      await this.#bucket.update(this.#options.name, record, this.#revision).catch(() => {})
    }
    this.#losing.abort()
  }

  /** One write at a time; those asked for meanwhile become one more. */
  #write(): Promise<void> {
    this.#queued ??= this.#writing.then(() => {
      this.#queued = undefined
      this.#writing = this.#renew()
      return this.#writing
    })
    return this.#queued
  }

  async #renew(): Promise<void> {
    while (this.isHeld()) {
      const startedAtMs = performance.now()
      const record = { holder: this.#options.holder, term: this.term, state: this.#state }
      try {
        this.#revision = await this.#bucket.update(this.#options.name, record, this.#revision)
        this.#trustedUntilMs = startedAtMs + this.#trustedMs
        return
      } catch (error) {
        if (!(error instanceof RevisionConflict)) {
          this.#link.log.warn({ err: error, lease: this.#options.name }, 'lease not renewed')
          return
        }
        if (!(await this.#adopt())) return
      }
    }
  }

  /** A conflict is either another leader, or a write of ours whose answer was lost; true for the latter. */
  async #adopt(): Promise<boolean> {
    try {
      const found = await this.#bucket.get(this.#options.name)
      if (found?.value.holder === this.#options.holder && found.value.term === this.term) {
        this.#revision = found.revision
        return true
      }
      this.#lose('taken by another')
    } catch (error) {
      this.#link.log.warn({ err: error, lease: this.#options.name }, 'lease cannot be read')
    }
    return false
  }

  #lose(reason: string): void {
    if (this.lost.aborted) return
    clearInterval(this.#timer)
    this.#link.log.warn({ lease: this.#options.name, term: this.term, reason }, 'lease lost')
    this.#losing.abort()
  }
}
