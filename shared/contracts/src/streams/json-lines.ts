import { objectOf } from './event-stream.ts'
import { type JsonObject, JsonSkimmer } from './json-skimmer.ts'
import { type LineBounds, LineReader, type LongLine } from './line-reader.ts'

/** One line of a stream of JSON. */
export interface JsonLine {
  /** Empty when it was too long to be held. */
  readonly bytes: Uint8Array
  readonly skimmed: JsonObject | undefined
  /** Behind its LF, from the beginning of the stream. */
  readonly end: number
}

/** Newline-delimited JSON (ndjson.org): a document a line, ended by LF; empty lines are skipped. */
export class JsonLineParser extends LineReader {
  readonly #onLine: (line: JsonLine) => void
  #skimmer: JsonSkimmer | undefined

  constructor(onLine: (line: JsonLine) => void, bounds: LineBounds = {}) {
    super(false, bounds)
    this.#onLine = onLine
  }

  protected override onLine(
    bytes: Uint8Array,
    start: number,
    end: number,
    _lineStart: number,
    next: number,
  ): void {
    if (isBlank(bytes, start, end)) return
    this.#onLine({ bytes: bytes.subarray(start, end), skimmed: undefined, end: next })
  }

  protected override onTooLong(beginning: Uint8Array): LongLine {
    this.#skimmer = new JsonSkimmer()
    this.#skimmer.write(beginning)
    return this.#skimmer
  }

  protected override onLongLine(next: number): void {
    this.#onLine({ bytes: NO_BYTES, skimmed: this.#skimmer?.value, end: next })
    this.#skimmer = undefined
  }

  protected override onEnd(): void {}
}

const NO_BYTES = new Uint8Array(0)

function isBlank(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at]! > 32) return false
  return true
}

/** The object of a line; undefined when it is none. */
export function lineObject({ bytes, skimmed }: Pick<JsonLine, 'bytes' | 'skimmed'>): JsonObject | undefined {
  return skimmed ?? objectOf(bytes)
}
