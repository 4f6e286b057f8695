import { readJson } from '../json.ts'
import { type JsonObject, JsonSkimmer } from './json-skimmer.ts'
import { FREE_BYTES, joined, type LineBounds, LineReader, type LongLine } from './line-reader.ts'

/** One dispatched event of a stream. Positions count bytes from the beginning of the stream. */
export interface StreamEvent {
  /** Its `event` field; empty when it has none. */
  readonly name: string
  /** Its data, lines joined by LF. Empty when it was too large to be held. */
  readonly data: Uint8Array
  readonly isTooLarge: boolean
  /** What was read of data that was too large to be held. */
  readonly skimmed: JsonObject | undefined
  readonly start: number
  /** Behind the blank line. */
  readonly end: number
  /** Where the data begins; -1 when it is made of several lines or was too large. */
  readonly dataStart: number
}

const BOM = [0xef, 0xbb, 0xbf]
const COLON = 58
const SPACE = 32
const LINE_FEED = new Uint8Array([10])
const NO_DATA = new Uint8Array(0)
const EVENT_NAME_BYTES = 256

/**
 * Server-Sent Events by the WHATWG HTML standard, sections 9.2.5 and 9.2.6: lines end with LF, CR or CRLF, a byte order
 * mark at the beginning and comments are skipped, data of several lines is joined, an event ends at its blank line and
 * is none without data. `id` and `retry` say nothing about an answer and are skipped.
 *
 * An event that the stream's end cuts off before its blank line is dispatched all the same, unlike in a browser: model
 * servers leave the last blank line out, and a torn event does not parse as JSON.
 */
export class EventStreamParser extends LineReader {
  readonly #onEvent: (event: StreamEvent) => void
  #name = ''
  #data: Uint8Array | undefined
  #dataStart = -1
  #lines: Uint8Array[] | undefined
  #dataBytes = 0
  #takenForData = 0
  #skimmer: JsonSkimmer | undefined
  #start = 0
  #end = 0

  constructor(onEvent: (event: StreamEvent) => void, bounds: LineBounds = {}) {
    super(true, bounds)
    this.#onEvent = onEvent
  }

  /** Where the event began that has not ended. */
  get eventStart(): number {
    return this.#start
  }

  /** The event as it would be if its blank line came now; undefined unless a line of data has just ended. */
  get pending(): StreamEvent | undefined {
    return this.isBetweenLines && this.#hasData ? this.#event(this.position) : undefined
  }

  override write(chunk: Uint8Array): void {
    super.write(chunk)
    // Data whose event is not whole outlives its chunk.
    if (this.#data && this.#takenForData === 0 && this.#data.length > FREE_BYTES)
      this.#hold(this.#data.length)
  }

  override close(): void {
    super.close()
    this.#reset(this.#end)
  }

  /** @returns false when the data is not held any more */
  #hold(bytes: number): boolean {
    if (this.#dataBytes > this.maxHeldBytes || !this.room.take(bytes)) {
      this.#skim()
      return false
    }
    this.#takenForData += bytes
    return true
  }

  protected override onLine(
    bytes: Uint8Array,
    start: number,
    end: number,
    lineStart: number,
    next: number,
  ): void {
    this.#end = next
    const from = lineStart === 0 ? afterBom(bytes, start, end) : start
    if (from === end) {
      this.#dispatch(next)
      return
    }
    switch (bytes[from]) {
      case 0x64: // d
        if (isField(bytes, from, end, DATA)) {
          const value = valueStart(bytes, from + 4, end)
          this.#addData(bytes, value, end, lineStart + value - start)
        }
        break
      case 0x65: // e
        if (isField(bytes, from, end, EVENT))
          this.#name = nameOf(bytes, valueStart(bytes, from + 5, end), end)
        break
    }
  }

  protected override onTooLong(beginning: Uint8Array, lineStart: number): LongLine {
    const from = lineStart === 0 ? afterBom(beginning, 0, beginning.length) : 0
    if (!isField(beginning, from, beginning.length, DATA)) return IGNORED
    const isFirst = !this.#hasData
    const skimmer = this.#skim()
    if (!isFirst) skimmer.write(LINE_FEED)
    skimmer.write(beginning, valueStart(beginning, from + 4, beginning.length), beginning.length)
    return skimmer
  }

  protected override onLongLine(next: number): void {
    this.#end = next
  }

  protected override onEnd(): void {
    if (this.#hasData) this.#dispatch(this.#end)
  }

  get #hasData(): boolean {
    return this.#data !== undefined || this.#lines !== undefined || this.#skimmer !== undefined
  }

  #addData(bytes: Uint8Array, from: number, to: number, position: number): void {
    if (this.#skimmer) {
      this.#skimmer.write(LINE_FEED)
      this.#skimmer.write(bytes, from, to)
      return
    }
    const line = bytes.subarray(from, to)
    if (this.#data === undefined && this.#lines === undefined) {
      this.#data = line
      this.#dataStart = position
      this.#dataBytes = line.length
      return
    }
    this.#lines ??= [this.#data!]
    this.#data = undefined
    this.#lines.push(LINE_FEED, line)
    this.#dataBytes += line.length + 1
    this.#hold(line.length + 1)
  }

  /** From here the event's data is not held any more: what came of it is skimmed, and what comes. */
  #skim(): JsonSkimmer {
    if (this.#skimmer) return this.#skimmer
    const skimmer = new JsonSkimmer()
    for (const line of this.#lines ?? (this.#data ? [this.#data] : [])) skimmer.write(line)
    this.#data = undefined
    this.#lines = undefined
    this.#giveData()
    this.#skimmer = skimmer
    return skimmer
  }

  #dispatch(end: number): void {
    if (this.#hasData) this.#onEvent(this.#event(end))
    this.#reset(end)
  }

  #event(end: number): StreamEvent {
    const lines = this.#lines
    return {
      name: this.#name,
      data: lines ? joined(lines, this.#dataBytes) : (this.#data ?? NO_DATA),
      isTooLarge: this.#skimmer !== undefined,
      skimmed: this.#skimmer?.value,
      start: this.#start,
      end,
      dataStart: this.#data ? this.#dataStart : -1,
    }
  }

  #reset(next: number): void {
    this.#name = ''
    this.#data = undefined
    this.#lines = undefined
    this.#dataBytes = 0
    this.#skimmer = undefined
    this.#start = next
    this.#giveData()
  }

  #giveData(): void {
    if (this.#takenForData > 0) this.room.give(this.#takenForData)
    this.#takenForData = 0
  }
}

const IGNORED: LongLine = { write() {} }
const DATA = [0x64, 0x61, 0x74, 0x61]
const EVENT = [0x65, 0x76, 0x65, 0x6e, 0x74]
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

function afterBom(bytes: Uint8Array, start: number, end: number): number {
  for (let i = 0; i < BOM.length; i++) if (start + i >= end || bytes[start + i] !== BOM[i]) return start
  return start + BOM.length
}

/** A field's name is followed by a colon, or is the whole line. */
function isField(bytes: Uint8Array, start: number, end: number, name: readonly number[]): boolean {
  const behind = start + name.length
  if (behind > end || (behind < end && bytes[behind] !== COLON)) return false
  for (let i = 1; i < name.length; i++) if (bytes[start + i] !== name[i]) return false
  return bytes[start] === name[0]
}

/** Where the value begins behind the name: one space after the colon is no part of it. */
function valueStart(bytes: Uint8Array, behindName: number, end: number): number {
  if (behindName === end) return end
  const start = behindName + 1
  return start < end && bytes[start] === SPACE ? start + 1 : start
}

function nameOf(bytes: Uint8Array, start: number, end: number): string {
  return decoder.decode(bytes.subarray(start, Math.min(end, start + EVENT_NAME_BYTES)))
}

/** The JSON object in an event's data; undefined when it is none. */
export function eventObject({
  data,
  skimmed,
}: Pick<StreamEvent, 'data' | 'skimmed'>): JsonObject | undefined {
  return skimmed ?? objectOf(data)
}

/** Bytes that were held are bounded already. */
export function objectOf(bytes: Uint8Array): JsonObject | undefined {
  const json = readJson(bytes, { maxSize: Number.POSITIVE_INFINITY })
  if (!json.ok || typeof json.value !== 'object' || json.value === null) return undefined
  return Array.isArray(json.value) ? undefined : (json.value as JsonObject)
}

/** The events of a stream, one by one; fails when one is larger than the bounds. */
export async function* readEventStream(
  stream: AsyncIterable<Uint8Array>,
  bounds: LineBounds = {},
): AsyncGenerator<{ readonly name: string; readonly data: string }> {
  let events: StreamEvent[] = []
  const parser = new EventStreamParser(event => events.push(event), bounds)
  for await (const chunk of stream) {
    parser.write(chunk)
    for (const event of events) yield textOf(event)
    events = []
  }
  parser.end()
  for (const event of events) yield textOf(event)
}

function textOf(event: StreamEvent) {
  if (event.isTooLarge) throw new RangeError('An event of the stream is larger than this reader holds.')
  return { name: event.name, data: decoder.decode(event.data) }
}
