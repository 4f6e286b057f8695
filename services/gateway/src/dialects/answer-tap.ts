import type { Room } from '@fluxgate/contracts'
import { EVENT_STREAM, formOf, JSON_LINES } from './answer-form.ts'
import type { UsageCollector } from './collector.ts'
import type { Dialect } from './dialect.ts'
import { DocumentTap } from './document-tap.ts'
import { EventTap } from './event-tap.ts'
import { LineTap } from './line-tap.ts'
import { type AnswerForm, NOTHING, type Progress, type UsageTap } from './tap.ts'

export interface AnswerTapOptions {
  readonly dialect: Dialect
  readonly path: string
  readonly status: number
  /** As {@link mediaTypeOf} reads it. */
  readonly mediaType: string
  /** A stream was asked for. */
  readonly isStreamAsked: boolean
  readonly stripUsage: boolean
  readonly collector: UsageCollector
  readonly room: Room
}

/** Finds out by the first bytes what an answer is, and reads it as that. */
export class AnswerTap implements UsageTap {
  readonly #options: AnswerTapOptions
  #tap: UsageTap | undefined
  #form: AnswerForm | undefined
  /** What has come while the form is not known: it belongs to the first line of a stream. */
  #beginning: Buffer = NOTHING

  constructor(options: AnswerTapOptions) {
    this.#options = options
  }

  /** Undefined before a byte has come that says it. */
  get form(): AnswerForm | undefined {
    return this.#form
  }

  get usage() {
    return this.#tap?.usage
  }

  get model() {
    return this.#tap?.model
  }

  get pieces(): number {
    return this.#tap?.pieces ?? 0
  }

  get progress(): Progress {
    return this.#tap?.progress ?? 'open'
  }

  get error() {
    return this.#tap?.error
  }

  get isBetweenParts(): boolean {
    return this.#tap?.isBetweenParts ?? true
  }

  /** What an error frame behind the answer would have to be like. */
  get frameForm(): AnswerForm | undefined {
    if (this.#form) return this.#form
    const { mediaType } = this.#options
    if (mediaType === EVENT_STREAM) return 'events'
    return mediaType === JSON_LINES ? 'lines' : undefined
  }

  /** The upstream has ended an answer whose API always says so before, and it did not. */
  get isCutOff(): boolean {
    const { dialect, path, status, isStreamAsked, mediaType } = this.#options
    if (status >= 400 || this.error || this.progress !== 'open' || !dialect.signs(path).hasEnd) return false
    if (this.#form === undefined) return isStreamAsked && STREAM_TYPES.has(mediaType)
    return this.#form === 'events' || (this.#form === 'lines' && isStreamAsked)
  }

  write(chunk: Buffer): Buffer {
    if (this.#tap) return this.#tap.write(chunk)
    const bytes = this.#beginning.length === 0 ? chunk : Buffer.concat([this.#beginning, chunk])
    this.#beginning = NOTHING
    this.#form = formOf(this.#options, bytes)
    if (this.#form) {
      this.#tap = this.#open(this.#form)
      return this.#tap.write(bytes)
    }
    // White space, which some servers send before a document while they work, so that the connection stays open.
    if (!this.#options.isStreamAsked || bytes.length > MAX_BEGINNING_BYTES) return bytes
    this.#beginning = bytes
    return NOTHING
  }

  end(): Buffer {
    return this.#tap?.end() ?? this.#beginning
  }

  #open(form: AnswerForm): UsageTap {
    const { dialect, path, stripUsage, collector, room } = this.#options
    if (form === 'document') return new DocumentTap(collector, room)
    if (form === 'opaque') return new OpaqueTap()
    const signs = dialect.signs(path)
    return form === 'lines'
      ? new LineTap(signs, collector, room)
      : new EventTap(signs, collector, room, stripUsage)
  }
}

const MAX_BEGINNING_BYTES = 64
const STREAM_TYPES = new Set(['', EVENT_STREAM, JSON_LINES])

/** For an answer that cannot be read, or says nothing of usage: it passes as it is, and is settled by estimate. */
class OpaqueTap implements UsageTap {
  readonly usage = undefined
  readonly model = undefined
  readonly progress = 'open'
  readonly error = undefined
  readonly isBetweenParts = false
  #bytes = 0

  get pieces(): number {
    return Math.ceil(this.#bytes / 4)
  }

  write(chunk: Buffer): Buffer {
    this.#bytes += chunk.length
    return chunk
  }

  end(): Buffer {
    return NOTHING
  }
}
