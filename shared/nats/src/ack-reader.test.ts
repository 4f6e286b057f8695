import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { AckReader, type MessageParser, type OnAck } from './ack-reader.ts'

const INBOX = '_INBOX.abc'

interface Reported {
  readonly kind: number
  readonly msg?: { readonly subject: Uint8Array }
  readonly data?: Uint8Array
}

interface Parser {
  readonly state: number
  parse(bytes: Uint8Array): void
}

const library = createRequire(import.meta.url)('nats/lib/nats-base-client/parser') as {
  Parser: new (dispatcher: { push(reported: Reported): void }) => Parser
  Kind: { MSG: number }
  State: { OP_START: number }
}

/** The client library's own reader; tells what it has read. */
function clientOf(reported: string[]): MessageParser {
  const parser = new library.Parser({
    push: ({ kind, msg, data }) => reported.push(textOf(kind, msg?.subject ?? [], data ?? [])),
  })
  return {
    isBetweenMessages: () => parser.state === library.State.OP_START,
    parse: bytes => parser.parse(bytes),
  }
}

function textOf(kind: number, subject: Uint8Array | never[], body: Uint8Array | never[]): string {
  return `${kind} ${Buffer.from(subject).toString()} ${Buffer.from(body).toString()}`
}

function readerOf(reported: string[]): AckReader {
  const onAck: OnAck = (token, bytes, from, to) =>
    reported.push(textOf(library.Kind.MSG, Buffer.from(`${INBOX}.${token}`), bytes.subarray(from, to)))
  return new AckReader(INBOX, clientOf(reported), onAck, () => {})
}

const ack = fc
  .record({ token: fc.nat(), gap: fc.constantFrom(' ', '  '), body: fc.stringMatching(/^[ -~]{0,40}$/) })
  .map(({ token, gap, body }) => `MSG ${INBOX}.${token} 7${gap}${body.length}\r\n${body}\r\n`)
const other = fc
  .constantFrom(
    'PING',
    'PONG',
    '+OK',
    `MSG ${INBOX}x.1 7 0\r\n`,
    `MSG ${INBOX}.1 7 reply 2\r\n{}`,
    `HMSG ${INBOX}.1 7 12 12\r\nNATS/1.0\r\n\r\n`,
    `MSG other 8 15\r\nMSG ${INBOX}.`,
    'MSG _IN 9 1\r\nx',
  )
  .map(text => `${text}\r\n`)

describe('a reader of acknowledgements', () => {
  it('takes or leaves to the client each message once and in order, however the bytes are cut', () => {
    const messages = fc.array(fc.oneof({ weight: 3, arbitrary: ack }, other), { maxLength: 12 })
    const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 })
    const property = fc.property(messages, cuts, (all, at) => {
      const bytes = Buffer.from(all.join(''), 'latin1')
      const ends = [...at.map(part => Math.round(part * bytes.length)), bytes.length]
      ends.sort((a, b) => a - b)
      const [reported, reportedByClient]: [string[], string[]] = [[], []]
      const reader = readerOf(reported)
      for (const [i, end] of ends.entries()) reader.read(bytes.subarray(ends[i - 1] ?? 0, end))
      clientOf(reportedByClient).parse(bytes)
      assert.deepEqual(reported, reportedByClient)
    })
    fc.assert(property, { numRuns: 1_000 })
  })

  it('takes what is cut itself, and tells once for each time that bytes have come', () => {
    const text = `MSG ${INBOX}.12 7  2\r\n{}\r\n`
    const reported: string[] = []
    let reads = 0
    const none: MessageParser = {
      isBetweenMessages: () => true,
      parse: () => assert.fail('the client is asked'),
    }
    const reader = new AckReader(
      INBOX,
      none,
      (token, bytes, from, to) => reported.push(`${token} ${bytes.toString('latin1', from, to)}`),
      () => reads++,
    )
    for (let cut = 0; cut <= text.length; cut++) {
      const bytes = new Uint8Array(Buffer.from(text + text))
      reader.read(bytes.subarray(0, cut))
      reader.read(bytes.subarray(cut))
    }
    assert.deepEqual(reported, Array(2 * (text.length + 1)).fill('12 {}'))
    assert.equal(reads, 2 * (text.length + 1))
  })
})
