import type { Parsed } from '@fluxgate/contracts'
import { headers } from 'nats'
import { API_ERROR, isApiError } from './api-error.ts'
import { type LatestOptions, readLatest } from './latest.ts'
import type { NatsLink } from './link.ts'
import type { StoredMessage } from './pull.ts'
import { lastMessage } from './stored-message.ts'

/** A stored value and its revision (the bucket's stream sequence). */
export interface Entry<T> {
  readonly value: T
  readonly revision: number
}

/** A change of one key: its new value, or undefined when it was deleted (or cannot be read). */
export interface Change<T> {
  readonly key: string
  readonly value: T | undefined
  readonly revision: number
}

/** The bucket has no room for another value. */
export class BucketFull extends Error {
  readonly code = 'FLUXGATE_BUCKET_FULL'
  constructor(bucket: string, key: string, cause: unknown) {
    super(`Bucket ${bucket} has no room for ${key}`, { cause })
    this.name = 'BucketFull'
  }
}

/** Another writer was there first: the key's revision is not the expected one. */
export class RevisionConflict extends Error {
  readonly code = 'FLUXGATE_REVISION_CONFLICT'
  constructor(bucket: string, key: string) {
    super(`${bucket}/${key} was changed by another writer`)
    this.name = 'RevisionConflict'
  }
}

/** A JetStream key-value bucket (ADR-8) of JSON values that are checked as they are read. Keys that start with `_` are ours. */
export class Bucket<T> {
  readonly name: string
  readonly #link: NatsLink
  readonly #parse: (bytes: Uint8Array) => Parsed<T>

  constructor(link: NatsLink, name: string, parse: (bytes: Uint8Array) => Parsed<T>) {
    this.name = name
    this.#link = link
    this.#parse = parse
  }

  get stream(): string {
    return `KV_${this.name}`
  }

  async get(key: string): Promise<Entry<T> | undefined> {
    const { before: value, lastRevision: revision } = await this.last(key)
    return value === undefined ? undefined : { value, revision }
  }

  /** The value, and the revision that an `update` has to go over: that of the deletion when there is no value, else 0. */
  async last(key: string): Promise<{ before: T | undefined; lastRevision: number }> {
    const message = await lastMessage(this.#link, this.stream, this.#subject(key))
    if (!message) return { before: undefined, lastRevision: 0 }
    const before = this.read(key, message.data, message.header.get('KV-Operation'))
    return { before, lastRevision: message.seq }
  }

  /** Writes whatever was there before. @returns the new revision */
  put(key: string, value: T): Promise<number> {
    return this.#write(key, JSON.stringify(value))
  }

  /** Writes only over `revision`; 0 means that the key must never have been written. @throws RevisionConflict */
  update(key: string, value: T, revision: number): Promise<number> {
    return this.#write(key, JSON.stringify(value), revision)
  }

  /** Leaves a marker that watchers see; with `revision`, only over that. @throws RevisionConflict */
  delete(key: string, revision?: number): Promise<number> {
    return this.#write(key, '', revision, 'DEL')
  }

  /** The last change of every key, deletions included; `lastRevision` is the bucket's when it was asked, and `created` when it was made. */
  async snapshot(
    signal?: AbortSignal,
  ): Promise<{ changes: Change<T>[]; lastRevision: number; created: string }> {
    const { created, state } = await this.#link.manager.streams.info(this.stream)
    const changes: Change<T>[] = []
    for await (const messages of readLatest(this.#link, this.#latest(signal))) {
      for (const message of messages) changes.push(this.change(message))
    }
    return { changes, lastRevision: state.last_seq, created: String(created) }
  }

  /** The present values, without deleted keys and without ours. */
  async entries(): Promise<Map<string, Entry<T>>> {
    const found = new Map<string, Entry<T>>()
    for (const { key, value, revision } of (await this.snapshot()).changes) {
      if (value !== undefined && !key.startsWith('_')) found.set(key, { value, revision })
    }
    return found
  }

  /**
   * Removes what deletions left behind, when it is older than that: nobody needs to hear of them any more, and a bucket
   * would keep one for every key there ever was. A value that came meanwhile stays. @returns how many
   */
  async purgeDeleted(storedBeforeMs: number, max: number, signal: AbortSignal): Promise<number> {
    let purged = 0
    for await (const messages of readLatest(this.#link, { ...this.#latest(signal), headersOnly: true })) {
      for (const { subject, sequence, storedAtMs, headers } of messages) {
        const operation = headers?.get('KV-Operation')
        if (storedAtMs >= storedBeforeMs || (operation !== 'DEL' && operation !== 'PURGE')) continue
        await this.#link.manager.streams.purge(this.stream, { filter: subject, seq: sequence + 1 })
        if (++purged === max) return purged
      }
    }
    return purged
  }

  /** Removes what is stored of a key up to a revision, without a trace: watchers find out at their next snapshot. */
  async purge(key: string, revision: number): Promise<void> {
    await this.#link.manager.streams.purge(this.stream, { filter: this.#subject(key), seq: revision + 1 })
  }

  change(message: StoredMessage): Change<T> {
    const key = message.subject.slice(`$KV.${this.name}.`.length)
    return {
      key,
      value: this.read(key, message.data, message.headers?.get('KV-Operation')),
      revision: message.sequence,
    }
  }

  /** A value that cannot be read is told and treated as absent: a bad write must not stop a gateway. */
  read(key: string, data: Uint8Array, operation: string | undefined): T | undefined {
    if (operation === 'DEL' || operation === 'PURGE' || key.startsWith('_')) return undefined
    const parsed = this.#parse(data)
    if (parsed.ok) return parsed.value
    this.#link.log.error({ bucket: this.name, key, reason: parsed.reason }, 'value cannot be read')
    return undefined
  }

  #latest(signal: AbortSignal | undefined): LatestOptions {
    return { stream: this.stream, filter: this.#subject('>'), signal }
  }

  #subject(key: string): string {
    return `$KV.${this.name}.${key}`
  }

  async #write(key: string, body: string, revision?: number, operation?: string): Promise<number> {
    const header = headers()
    if (operation) header.set('KV-Operation', operation)
    if (revision !== undefined) header.set('Nats-Expected-Last-Subject-Sequence', String(revision))
    try {
      return (await this.#link.jetstream.publish(this.#subject(key), body, { headers: header })).seq
    } catch (error) {
      if (isApiError(error, API_ERROR.wrongLastSequence)) throw new RevisionConflict(this.name, key)
      if (isApiError(error, API_ERROR.storeFailed)) throw new BucketFull(this.name, key, error)
      throw error
    }
  }
}
