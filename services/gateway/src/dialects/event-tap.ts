import type { JsonObject } from '@fluxgate/contracts'
import { EventStreamParser, eventObject, type Room, type StreamEvent } from '@fluxgate/contracts'
import { type AnswerError, errorIn } from './answer-error.ts'
import type { AnswerSigns } from './answer-signs.ts'
import type { UsageCollector } from './collector.ts'
import { nullField } from './null-field.ts'
import { type Cut, StripBuffer } from './strip-buffer.ts'
import { NOTHING, type Progress, type UsageTap } from './tap.ts'

const USAGE = Buffer.from('"usage"')
/** OpenAI's last event, which is no JSON. Its SDKs look at the beginning. */
const DONE = Buffer.from('[DONE]')
const LF = 10
const CR = 13

/**
 * Server-Sent Events. Bytes pass on as they come. While usage is to be kept from a client that did not ask for it, an event
 * that is cut by a chunk's border is held until its end has come: the event that holds nothing but usage must be seen
 * whole, and so must the empty usage of the others.
 */
export class EventTap implements UsageTap {
  readonly #signs: AnswerSigns
  readonly #collector: UsageCollector
  readonly #parser: EventStreamParser
  readonly #strip: StripBuffer | undefined
  /** The end of the line before the blank one that will end the answer: readers of lines take it for whole by that. */
  #lastLineEnd: Buffer | undefined
  #endedBetweenParts: boolean | undefined
  pieces = 0
  progress: Progress = 'open'
  error: AnswerError | undefined

  constructor(signs: AnswerSigns, collector: UsageCollector, room: Room, strip: boolean) {
    this.#signs = signs
    this.#collector = collector
    this.#parser = new EventStreamParser(event => this.#see(event), { room })
    this.#strip = strip ? new StripBuffer(room) : undefined
  }

  get usage() {
    return this.#collector.usage
  }

  get model() {
    return this.#collector.model
  }

  get isBetweenParts(): boolean {
    if (this.#endedBetweenParts !== undefined) return this.#endedBetweenParts
    return this.#strip ? this.#strip.isBetweenEvents : this.#parser.eventStart === this.#parser.position
  }

  write(chunk: Buffer): Buffer {
    this.#parser.write(chunk)
    if (this.#strip) return this.#strip.write(chunk, this.#parser.eventStart)
    const before = this.#lastLineEnd
    const forward = this.#withoutLastLineEnd(chunk)
    return before ? Buffer.concat([before, forward]) : forward
  }

  end(): Buffer {
    const wasBetweenParts = this.isBetweenParts
    this.#parser.end()
    const rest = this.#strip ? this.#strip.end() : (this.#lastLineEnd ?? NOTHING)
    this.#lastLineEnd = undefined
    this.#endedBetweenParts = wasBetweenParts && rest.length === 0
    return rest
  }

  #withoutLastLineEnd(chunk: Buffer): Buffer {
    this.#lastLineEnd = undefined
    const event = this.progress === 'ended' ? undefined : this.#parser.pending
    if (!event || !this.#endsAnswer(event)) return chunk
    const last = chunk.length - 1
    const end = chunk[last] === LF && chunk[last - 1] === CR ? last - 1 : last
    this.#lastLineEnd = chunk.subarray(end)
    return chunk.subarray(0, end)
  }

  #endsAnswer(event: StreamEvent): boolean {
    const data = bufferOf(event.data)
    if (isDone(data)) return true
    if (!this.#mayMatter(event, data)) return false
    const part = eventObject(event)
    return (
      part !== undefined && (this.#signs.progressOf(event.name, part) === 'ended' || isError(event, part))
    )
  }

  #mayMatter({ isTooLarge, name }: StreamEvent, data: Buffer): boolean {
    return isTooLarge || name === 'error' || this.#signs.mayMatter(name, data)
  }

  #see(event: StreamEvent): void {
    const data = bufferOf(event.data)
    if (isDone(data)) {
      this.progress = 'ended'
      return
    }
    if (this.#signs.isPiece(event.name)) this.pieces++
    if (this.#mayMatter(event, data)) this.#read(event)
    if (this.#strip) this.#cutNull(this.#strip, event, data)
  }

  #read(event: StreamEvent): void {
    const part = eventObject(event)
    // An upstream's garbage: passed on as it is.
    if (!part) return
    const error = errorIn(event.name, part)
    this.error ??= error
    const progress = this.#signs.progressOf(event.name, part)
    if (progress === 'ended' || (progress === 'finished' && this.progress === 'open'))
      this.progress = progress
    this.#collector.see(part)
    const isUsageOnly = hasUsageOnly(part)
    if (isUsageOnly) this.#strip?.cut([event.start, event.end])
    if ((isUsageOnly || error) && this.#signs.isPiece(event.name)) this.pieces--
  }

  /** Servers that are asked for usage put an empty one into every event before the last. */
  #cutNull(strip: StripBuffer, event: StreamEvent, data: Buffer): void {
    const at = event.dataStart === -1 ? -1 : data.indexOf(USAGE)
    const range: Cut | undefined = at === -1 ? undefined : nullField(data, at, USAGE.length)
    if (range) strip.cut([event.dataStart + range[0], event.dataStart + range[1]])
  }
}

function isError(event: StreamEvent, part: JsonObject): boolean {
  return errorIn(event.name, part) !== undefined
}

function isDone(data: Buffer): boolean {
  return data[0] === DONE[0] && data.subarray(0, DONE.length).equals(DONE)
}

function hasUsageOnly({ choices, usage }: JsonObject): boolean {
  return Array.isArray(choices) && choices.length === 0 && typeof usage === 'object' && usage !== null
}

export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
