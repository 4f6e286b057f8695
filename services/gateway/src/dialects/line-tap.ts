import { type JsonLine, JsonLineParser, lineObject, type Room } from '@fluxgate/contracts'
import { type AnswerError, errorIn } from './answer-error.ts'
import type { AnswerSigns } from './answer-signs.ts'
import type { UsageCollector } from './collector.ts'
import { bufferOf } from './event-tap.ts'
import { NOTHING, type Progress, type UsageTap } from './tap.ts'

/** Newline-delimited JSON, as Ollama streams it. Every byte passes on at once. */
export class LineTap implements UsageTap {
  readonly #signs: AnswerSigns
  readonly #collector: UsageCollector
  readonly #parser: JsonLineParser
  #endedBetweenLines: boolean | undefined
  pieces = 0
  progress: Progress = 'open'
  error: AnswerError | undefined

  constructor(signs: AnswerSigns, collector: UsageCollector, room: Room) {
    this.#signs = signs
    this.#collector = collector
    this.#parser = new JsonLineParser(line => this.#see(line), { room })
  }

  get usage() {
    return this.#collector.usage
  }

  get model() {
    return this.#collector.model
  }

  get isBetweenParts(): boolean {
    return this.#endedBetweenLines ?? this.#parser.isBetweenLines
  }

  write(chunk: Buffer): Buffer {
    this.#parser.write(chunk)
    return chunk
  }

  end(): Buffer {
    this.#endedBetweenLines = this.#parser.isBetweenLines
    this.#parser.end()
    return NOTHING
  }

  #see(line: JsonLine): void {
    this.pieces++
    if (!line.skimmed && !this.#signs.mayMatter('', bufferOf(line.bytes))) return
    const part = lineObject(line)
    // Not JSON: passed on as it is, counted as a piece.
    if (!part) return
    const error = errorIn('', part)
    if (error) {
      this.pieces--
      this.error ??= error
    }
    const progress = this.#signs.progressOf('', part)
    if (progress !== 'open') this.progress = progress
    this.#collector.see(part)
  }
}
