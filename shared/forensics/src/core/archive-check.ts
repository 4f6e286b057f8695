import { readJson } from '@fluxgate/contracts'
import { ARCHIVE_FORMAT } from './archive.ts'
import { CHAIN_START, chainHash, unsealed } from './hash-chain.ts'

export type ArchiveError =
  | 'not_an_archive'
  | 'changed'
  | 'removed'
  | 'inserted'
  | 'reordered'
  | 'truncated'
  | 'after_the_end'
  | 'other_count'
  | 'other_hash'

export interface ArchiveFinding {
  readonly fault: ArchiveError
  /** Of the file, from 1. */
  readonly line: number
  /** In one sentence. */
  readonly detail: string
}

export interface ArchiveVerdict {
  readonly holds: boolean
  readonly messages: number
  /** Of the last line. */
  readonly hash: string
  readonly findings: readonly ArchiveFinding[]
}

interface Line {
  readonly number: number
  readonly body: string
  readonly hash: string
  /** Number of the message; 0 for the header. */
  readonly n: number
  readonly kind: 'header' | 'message' | 'trailer'
  readonly count: number
}

interface Gap {
  readonly finding: ArchiveFinding
  readonly first: number
  readonly last: number
  readonly found: Set<number>
}

/** A file with more faults is not looked at any further: it is another file. */
const MAX_FINDINGS = 1_000

/**
 * Checks an archive line by line. After a fault it goes on from the hash that the line says, so that each changed,
 * removed, inserted or moved line is named once. Whoever can rewrite the whole file can make a whole chain: `expected` is
 * the last hash as it was told at the export, and kept elsewhere.
 */
export class ArchiveCheck {
  readonly #findings: ArchiveFinding[] = []
  readonly #expected: string | undefined
  /** Messages that are missing so far: one that comes later was moved. */
  readonly #gaps: Gap[] = []
  #before = CHAIN_START
  #next = 0
  #messages = 0
  #number = 0
  #ended = false
  /** Waits for the one after it: only that shows whether it was inserted or changed. */
  #held: Line | undefined

  constructor(expected?: string) {
    this.#expected = expected?.toLowerCase()
  }

  /** True once there is no sense in reading on. */
  get hopeless(): boolean {
    return this.#findings.length >= MAX_FINDINGS
  }

  /** The next line of the file, without its end. */
  add(text: string): void {
    const number = ++this.#number
    if (this.hopeless) return
    const line = lineOf(text, number)
    if (this.#held) this.#judge(this.#held, line)
    this.#held = undefined
    if (line) this.#held = line
    else if (number === 1) this.#find('not_an_archive', number, `line 1 is no header of ${ARCHIVE_FORMAT}`)
    else this.#find('changed', number, `line ${number} is no line of an archive, or cut off`)
  }

  finish(): ArchiveVerdict {
    if (this.#held) this.#judge(this.#held, undefined)
    this.#held = undefined
    if (!this.#ended && !this.hopeless) {
      this.#find('truncated', this.#number, `the file ends at line ${this.#number} without its trailer`)
    }
    if (this.#expected !== undefined && this.#expected !== this.#before) {
      this.#find('other_hash', this.#number, `the last hash is ${this.#before}, and not the one expected`)
    }
    // What has come after all was moved, and is told as such.
    const filled = this.#gaps.filter(({ first, last, found }) => found.size === last - first + 1)
    const findings = this.#findings.filter(finding => !filled.some(gap => gap.finding === finding))
    return { holds: findings.length === 0, messages: this.#messages, hash: this.#before, findings }
  }

  #judge(line: Line, next: Line | undefined): void {
    const { number, kind } = line
    if (number === 1 && kind !== 'header') {
      this.#find('not_an_archive', number, `line 1 is no header of ${ARCHIVE_FORMAT}`)
    }
    if (this.#ended) {
      this.#find('after_the_end', number, `line ${number} is after the trailer`)
      return
    }
    const follows = chainHash(this.#before, line.body) === line.hash
    if (kind === 'message' && line.n !== this.#next) this.#judgeNumber(line)
    else if (!follows && next && this.#isInserted(line, next)) {
      this.#find(
        'inserted',
        number,
        `line ${number} was inserted: line ${next.number} follows from the one before it`,
      )
      return
    } else if (!follows && kind === 'trailer' && line.count !== this.#next - 1) {
      const missing = line.count - this.#next + 1
      this.#find('removed', number, `${missing} messages are missing before the trailer on line ${number}`)
    } else if (!follows) {
      const detail = `line ${number} does not follow from line ${number - 1}: it was changed, or the one before and its hash`
      this.#find('changed', number, number === 1 ? 'line 1, the header, was changed' : detail)
    } else if (kind === 'trailer' && line.count !== this.#next - 1) {
      this.#find(
        'other_count',
        number,
        `the trailer tells of ${line.count} messages, and there are ${this.#messages}`,
      )
    }
    if (kind === 'message' && line.n < this.#next) return
    this.#pass(line)
  }

  /** Not the number that comes next: something is missing before it, or it does not belong here. */
  #judgeNumber({ number, n }: Line): void {
    const first = this.#next
    if (n > first) {
      const which = n - first === 1 ? `message ${first} is` : `messages ${first} to ${n - 1} are`
      const finding = this.#find('removed', number, `${which} missing before line ${number}`)
      this.#gaps.push({ finding, first, last: n - 1, found: new Set() })
      return
    }
    const gap = this.#gaps.find(each => each.first <= n && n <= each.last && !each.found.has(n))
    gap?.found.add(n)
    if (gap) this.#find('reordered', number, `line ${number} holds message ${n}: it was moved`)
    else this.#find('inserted', number, `line ${number} was inserted: it holds message ${n} again`)
  }

  #isInserted(line: Line, next: Line): boolean {
    return next.n === line.n && next.kind === line.kind && chainHash(this.#before, next.body) === next.hash
  }

  #pass({ kind, n, hash }: Line): void {
    this.#before = hash
    if (kind === 'message') {
      this.#messages++
      this.#next = n + 1
    } else if (kind === 'header') this.#next = 1
    else this.#ended = true
  }

  #find(fault: ArchiveError, line: number, detail: string): ArchiveFinding {
    const finding = { fault, line, detail }
    this.#findings.push(finding)
    return finding
  }
}

function lineOf(text: string, number: number): Line | undefined {
  const parts = unsealed(text)
  if (!parts) return undefined
  const { body, hash } = parts
  // Only the members of ours are looked at; the event may be large.
  const message = /^\{"n":(\d{1,15}),/.exec(body)
  if (message) return { number, body, hash, n: Number(message[1]), kind: 'message', count: 0 }
  const read = readJson(body, { maxSize: body.length })
  if (!read.ok || typeof read.value !== 'object' || read.value === null) return undefined
  const { kind, format, count } = read.value as { kind?: unknown; format?: unknown; count?: unknown }
  if (kind === 'header' && format === ARCHIVE_FORMAT) return { number, body, hash, n: 0, kind, count: 0 }
  if (kind === 'trailer' && typeof count === 'number') return { number, body, hash, n: 0, kind, count }
  return undefined
}
