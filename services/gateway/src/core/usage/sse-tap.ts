import type { JsonObject } from '../dialect/body.ts'
import type { UsageCollector } from './collector.ts'
import { emptyField } from './json-tail.ts'
import { NOTHING, type UsageTap } from './tap.ts'

/** An event longer than this is passed on unread rather than held. */
const MAX_HELD_BYTES = 256 * 1024
const USAGE = Buffer.from('"usage"')
const EMPTY_CHOICES = /"choices"\s*:\s*\[\s*\]/

/**
 * Server-Sent Events (WHATWG HTML section 9.2). Bytes pass through as they come. Only an event that is cut by a chunk's
 * border is held until its end has come, and only while `strip` is on: the usage event that we asked for must be seen
 * whole to be kept from the client, and so must the empty usage of the others.
 */
export function sseTap(collector: UsageCollector, strip: boolean): UsageTap {
  let pieces = 0
  let rest: Buffer = NOTHING

  /** @returns the part of the event that is kept from the client, if any */
  function see(event: Buffer): Range | undefined {
    if (event.indexOf('data:') === -1) return undefined
    pieces++
    const at = event.indexOf(USAGE)
    if (at === -1) return undefined
    // Servers that are asked for usage put an empty one into every event before the last.
    const empty = emptyField(event, at, USAGE.length)
    if (empty) return strip ? empty : undefined
    const text = dataOf(event)
    const part = objectIn(text)
    if (!part) return undefined
    collector.see(part)
    if (!strip || collector.usage === undefined || !EMPTY_CHOICES.test(text)) return undefined
    pieces--
    return [0, event.length]
  }

  return {
    get usage() {
      return collector.usage
    },
    get model() {
      return collector.model
    },
    get pieces() {
      return pieces
    },
    write(chunk) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      let from = 0
      let keptBack: Range[] | undefined
      for (let end = eventEnd(bytes, from); end !== -1; end = eventEnd(bytes, from)) {
        const kept = see(bytes.subarray(from, end))
        if (kept) {
          keptBack ??= []
          keptBack.push([from + kept[0], from + kept[1]])
        }
        from = end
      }
      const held = bytes.length - from
      if (!strip) {
        // Everything goes on at once; the cut event is remembered for reading only.
        rest = held > MAX_HELD_BYTES ? NOTHING : bytes.subarray(from)
        return chunk
      }
      const forward = held > MAX_HELD_BYTES ? bytes : bytes.subarray(0, from)
      rest = held > MAX_HELD_BYTES ? NOTHING : bytes.subarray(from)
      return keptBack ? without(forward, keptBack) : forward
    },
    end() {
      const last = rest
      rest = NOTHING
      // A stream may end without the blank line of its last event.
      const kept = last.length > 0 ? see(last) : undefined
      if (!strip) return NOTHING
      return kept ? without(last, [kept]) : last
    },
  }
}

type Range = readonly [start: number, end: number]

const LF = 10
const CR = 13

/** Index behind the blank line that ends the event beginning at `from`, or -1. Line ends are LF or CRLF. */
export function eventEnd(bytes: Buffer, from: number): number {
  for (let i = bytes.indexOf(LF, from); i !== -1; i = bytes.indexOf(LF, i + 1)) {
    if (bytes[i + 1] === LF) return i + 2
    if (bytes[i + 1] === CR && bytes[i + 2] === LF) return i + 3
  }
  return -1
}

/** The event's data, its lines joined. */
export function dataOf(event: Buffer): string {
  const lines = event.toString('utf8').split(/\r?\n/)
  const data = lines.filter(line => line.startsWith('data:')).map(line => line.slice(5).replace(/^ /, ''))
  return data.join('\n')
}

function objectIn(text: string): JsonObject | undefined {
  try {
    const event: unknown = JSON.parse(text)
    return typeof event === 'object' && event !== null ? (event as JsonObject) : undefined
  } catch {
    return undefined // `[DONE]`, or an upstream's garbage: not ours to judge
  }
}

function without(bytes: Buffer, ranges: readonly Range[]): Buffer {
  const parts: Buffer[] = []
  let from = 0
  for (const [start, end] of ranges) {
    parts.push(bytes.subarray(from, start))
    from = end
  }
  parts.push(bytes.subarray(from))
  return Buffer.concat(parts)
}
