import { readJson } from '../json.ts'

export type JsonObject = Readonly<Record<string, unknown>>

/** A longer value is skipped; of an array its length is known all the same. */
const MAX_VALUE_BYTES = 16 * 1024
/** All values of one document together; those that come when it is used up are skipped. */
const MAX_TAKEN_BYTES = 256 * 1024
const MAX_KEY_BYTES = 256
const MAX_COUNTED_ITEMS = 10_000
/** Objects whose own members are wanted: what OpenAI's responses and Anthropic's first event are wrapped in. */
const WRAPPERS = new Set(['response', 'message'])

const QUOTE = 34
const COMMA = 44
const COLON = 58
const OPEN_BRACKET = 91
const BACKSLASH = 92
const CLOSE_BRACKET = 93
const OPEN_BRACE = 123
const CLOSE_BRACE = 125

type Expects = 'document' | 'key' | 'key-end' | 'colon' | 'value' | 'value-end' | 'nothing'

/**
 * Reads a JSON object of any length in bounded memory, as its bytes come: the members of the outermost object, and of a
 * `response` or `message` in it, whose values are short. Of an array that is too long there is one with as many nulls.
 * For documents too large to be held: usage and errors are short wherever they are.
 */
export class JsonSkimmer {
  #expects: Expects = 'document'
  /** The object whose members are read: the outermost one, or a wrapper in it. */
  #members: Record<string, unknown> = {}
  #outer: Record<string, unknown> | undefined
  #key = ''
  #taken: Uint8Array[] = []
  #takenBytes = 0
  #totalBytes = 0
  #isTooLong = false
  /** Of the value being read. */
  #depth = 0
  #isArray = false
  #commas = 0
  #isInString = false
  /** Backslashes with which the bytes so far end. */
  #slashes = 0

  #isWhole = false

  /** The object that was read; undefined while its end has not come, and when the document is no object. */
  get value(): JsonObject | undefined {
    return this.#isWhole ? this.#members : undefined
  }

  write(bytes: Uint8Array, start = 0, end = bytes.length): void {
    let at = start
    while (at < end) {
      switch (this.#expects) {
        case 'nothing':
          return
        case 'key-end':
          at = this.#readKey(bytes, at, end)
          break
        case 'value-end':
          at = this.#readValue(bytes, at, end)
          break
        default:
          if (isSpace(bytes[at]!) || !this.#step(bytes[at]!)) at++
      }
    }
  }

  /** One byte of what is between keys and values. @returns true when it belongs to a value that it begins */
  #step(byte: number): boolean {
    if (this.#expects === 'value') return this.#beginValue(byte)
    if (this.#expects === 'document') this.#expects = byte === OPEN_BRACE ? 'key' : 'nothing'
    else if (this.#expects === 'colon') this.#expects = byte === COLON ? 'value' : 'nothing'
    else if (byte === QUOTE) {
      this.#expects = 'key-end'
      this.#beginTaking()
    } else if (byte === CLOSE_BRACE) this.#closeObject()
    else if (byte !== COMMA) this.#expects = 'nothing'
    return false
  }

  #closeObject(): void {
    if (this.#outer) {
      this.#members = this.#outer
      this.#outer = undefined
      return
    }
    this.#isWhole = true
    this.#expects = 'nothing'
  }

  #beginValue(byte: number): boolean {
    if (byte === OPEN_BRACE && !this.#outer && WRAPPERS.has(this.#key)) {
      this.#outer = this.#members
      this.#members = {}
      this.#set(this.#outer, this.#key, this.#members)
      this.#expects = 'key'
      return false
    }
    this.#expects = 'value-end'
    this.#depth = 0
    this.#isArray = byte === OPEN_BRACKET
    this.#commas = 0
    this.#beginTaking()
    return true
  }

  #readKey(bytes: Uint8Array, from: number, end: number): number {
    const quote = this.#closingQuote(bytes, from, end)
    this.#take(bytes, from, quote === -1 ? end : quote, MAX_KEY_BYTES)
    if (quote === -1) return end
    const key = this.#isTooLong ? undefined : readJson(`"${this.#text()}"`, { maxSize: MAX_KEY_BYTES * 2 })
    this.#key = key?.ok ? (key.value as string) : ''
    this.#expects = 'colon'
    return quote + 1
  }

  #readValue(bytes: Uint8Array, from: number, end: number): number {
    let at = from
    while (at < end) {
      if (this.#isInString) {
        const quote = this.#closingQuote(bytes, at, end)
        if (quote === -1) break
        this.#isInString = false
        at = quote + 1
        continue
      }
      const byte = bytes[at]!
      if (byte === QUOTE) {
        this.#isInString = true
        this.#slashes = 0
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) this.#depth++
      else if (byte === COMMA) {
        if (this.#depth === 0) return this.#endValue(bytes, from, at)
        if (this.#depth === 1) this.#commas++
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        if (this.#depth === 0) return this.#endValue(bytes, from, at)
        this.#depth--
      }
      at++
    }
    this.#take(bytes, from, end, MAX_VALUE_BYTES)
    return end
  }

  /** @returns where the byte is that ended the value, which is read as what comes between members */
  #endValue(bytes: Uint8Array, from: number, at: number): number {
    this.#take(bytes, from, at, MAX_VALUE_BYTES)
    this.#expects = 'key'
    if (!this.#isTooLong) {
      const value = readJson(this.#text(), { maxSize: MAX_VALUE_BYTES })
      if (value.ok) this.#set(this.#members, this.#key, value.value)
    } else if (this.#isArray) {
      const items = Math.min(this.#commas + 1, MAX_COUNTED_ITEMS)
      this.#set(this.#members, this.#key, new Array(items).fill(null))
    }
    return at
  }

  #set(members: Record<string, unknown>, key: string, value: unknown): void {
    if (key !== '' && key !== '__proto__') members[key] = value
  }

  /** Index of the quote that ends the string, or -1 when it goes on behind `end`. */
  #closingQuote(bytes: Uint8Array, from: number, end: number): number {
    for (let quote = bytes.indexOf(QUOTE, from); quote !== -1 && quote < end; ) {
      if (this.#slashesBefore(bytes, from, quote) % 2 === 0) {
        this.#slashes = 0
        return quote
      }
      quote = bytes.indexOf(QUOTE, quote + 1)
    }
    this.#slashes = this.#slashesBefore(bytes, from, end)
    return -1
  }

  #slashesBefore(bytes: Uint8Array, from: number, at: number): number {
    let first = at
    while (first > from && bytes[first - 1] === BACKSLASH) first--
    // All of these bytes: those before them count as well.
    return first === from ? at - first + this.#slashes : at - first
  }

  #beginTaking(): void {
    this.#taken = []
    this.#takenBytes = 0
    this.#isTooLong = false
    this.#isInString = false
    this.#slashes = 0
  }

  #take(bytes: Uint8Array, from: number, to: number, maxBytes: number): void {
    if (this.#isTooLong || from === to) return
    this.#takenBytes += to - from
    this.#totalBytes += to - from
    if (this.#takenBytes > maxBytes || this.#totalBytes > MAX_TAKEN_BYTES) {
      this.#isTooLong = true
      this.#totalBytes -= this.#takenBytes
      this.#taken = []
      return
    }
    // A copy: a view would hold the whole chunk.
    this.#taken.push(bytes.slice(from, to))
  }

  #text(): string {
    const whole = new Uint8Array(this.#takenBytes)
    let at = 0
    for (const part of this.#taken) {
      whole.set(part, at)
      at += part.length
    }
    return decoder.decode(whole)
  }
}

const decoder = new TextDecoder('utf-8')

function isSpace(byte: number): boolean {
  return byte === 32 || byte === 10 || byte === 13 || byte === 9
}
