import { FRAME, fields, frame, GOAWAY, openFrames, reset } from '@fluxgate/gateway/testing'
import type { Attack, Family, Outcome } from '../attack.ts'
import type { Target } from '../target.ts'

const END_STREAM = 1
const END_HEADERS = 4
/** Only what is never answered takes so long. */
const ANSWER_MS = 10_000

type Fields = Readonly<Record<string, string>>

const CALL = (key: string): Fields => ({
  ':method': 'GET',
  ':path': '/api/ps',
  ':scheme': 'https',
  ':authority': 'localhost',
  authorization: `Bearer ${key}`,
})

const headers = (stream: number, all: Fields | readonly Fields[], flags = END_HEADERS | END_STREAM): Buffer =>
  frame(FRAME.headers, flags, stream, Buffer.concat([all].flat().map(part => fields(part as Fields))))

const without = (all: Fields, name: string): Fields =>
  Object.fromEntries(Object.entries(all).filter(([other]) => other !== name))

/** Heads that RFC 9113 section 8 calls malformed; translated to HTTP/1.1 some would become two requests. */
const MALFORMED: ReadonlyArray<readonly [string, (call: Fields) => Fields | readonly Fields[]]> = [
  ['a CRLF in a value', call => ({ ...call, 'x-a': 'b\r\nx-injected: 1' })],
  ['a whole request in a value', call => ({ ...call, 'x-a': 'b\r\n\r\nGET /v1/smuggled HTTP/1.1\r\n' })],
  ['a CRLF in a name', call => ({ ...call, 'x-a: b\r\nx-injected': '1' })],
  ['an LF in a value', call => ({ ...call, 'x-a': 'b\nc' })],
  ['a NUL in a value', call => ({ ...call, 'x-a': 'b\0c' })],
  ['a CRLF in the path', call => ({ ...call, ':path': '/api/ps HTTP/1.1\r\nx-injected: 1\r\n' })],
  ['a CRLF in the method', call => ({ ...call, ':method': 'GET / HTTP/1.1\r\nx: y' })],
  ['a CRLF in the authority', call => ({ ...call, ':authority': 'a\r\nx-injected: 1' })],
  ['a space in the path', call => ({ ...call, ':path': '/api/ps /v1/smuggled' })],
  ['transfer-encoding', call => ({ ...call, 'transfer-encoding': 'chunked' })],
  ['connection', call => ({ ...call, connection: 'keep-alive' })],
  ['proxy-connection', call => ({ ...call, 'proxy-connection': 'keep-alive' })],
  ['keep-alive', call => ({ ...call, 'keep-alive': 'timeout=5' })],
  ['upgrade', call => ({ ...call, upgrade: 'h2c' })],
  ['te other than trailers', call => ({ ...call, te: 'gzip' })],
  ['an upper-case name', call => ({ ...call, 'X-Upper': '1' })],
  ['a colon in a name', call => ({ ...call, 'x:y': '1' })],
  ['an empty name', call => ({ ...call, '': '1' })],
  ['an unknown pseudo-header', call => ({ ':unknown': '1', ...call })],
  [':status in a request', call => ({ ':status': '200', ...call })],
  ['a pseudo-header after a field', call => [without(call, ':path'), { ':path': '/api/ps' }]],
  [':method twice', call => [{ ':method': 'POST' }, call]],
  [':path twice', call => [{ ':path': '/v1/smuggled' }, call]],
  [':authority twice', call => [{ ':authority': 'evil.example' }, call]],
  ['no :method', call => without(call, ':method')],
  ['no :path', call => without(call, ':path')],
  ['no :scheme', call => without(call, ':scheme')],
  ['an empty :path', call => ({ ...call, ':path': '' })],
  ['a :path without a slash', call => ({ ...call, ':path': 'v1/files' })],
  ['an absolute :path', call => ({ ...call, ':path': 'http://169.254.169.254/api/ps' })],
  ['a :path that leads out', call => ({ ...call, ':path': '/v1/../admin/users' })],
  ['another host than :authority', call => ({ ...call, host: 'evil.example' })],
  ['userinfo in :authority', call => ({ ...call, ':authority': 'a@localhost' })],
  ['a length that is not that of the body', call => ({ ...call, 'content-length': '7' })],
  ['two lengths', call => [call, { 'content-length': '7' }, { 'content-length': '8' }]],
  ['authorization twice', call => [call, { authorization: 'Bearer other' }]],
  ['CONNECT', call => ({ ':method': 'CONNECT', ':authority': call[':authority'] ?? '' })],
]

interface Heard {
  readonly reset: boolean
  readonly goaway: boolean
  readonly answered: boolean
  readonly closed: boolean
}

/** Sends frames on a connection of its own and hears what comes back, until something has. */
async function hear(target: Target, bytes: Buffer): Promise<Heard> {
  const session = await openFrames(target.apis.gateway.port)
  const seen = new Set<number>()
  let rest = Buffer.alloc(0)
  session.socket.on('data', chunk => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      seen.add(rest[3]!)
      rest = rest.subarray(9 + rest.readUIntBE(0, 3))
    }
  })
  session.socket.write(bytes)
  const ends = [FRAME.reset, FRAME.headers, GOAWAY]
  for (
    let waited = 0;
    waited < ANSWER_MS && !session.closed && !ends.some(end => seen.has(end));
    waited += 10
  ) {
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  // What an upstream would be told comes at once with the answer.
  await new Promise(resolve => setTimeout(resolve, 20))
  session.socket.destroy()
  const heard = { reset: seen.has(FRAME.reset), goaway: seen.has(GOAWAY), answered: seen.has(FRAME.headers) }
  return { ...heard, closed: session.closed }
}

const malformed: Attack[] = MALFORMED.map(([name, make]) => ({
  name,
  api: 'gateway',
  async run(target): Promise<Outcome> {
    target.models.take()
    const heard = await hear(target, headers(1, make(CALL(target.key))))
    const saw = target.models.take()
    const reported = `${JSON.stringify(heard)}, models saw ${saw}`
    const ended = heard.reset || heard.goaway || heard.closed || heard.answered
    if (!ended || saw.length > 1) return { kind: 'wrong', reported }
    if (saw.length === 0) return { kind: 'refused', reported }
    // nghttp2 drops a field with octets that no field may have, and serves the call without it.
    return { kind: saw[0] === 'GET /api/ps' ? 'harmless' : 'wrong', reported }
  },
}))

const PER_ROUND = 100
const MAX_FLOOD_BYTES = 8 * 1024 * 1024
const FLOOD_LIMIT_MS = 15_000

const FLOODS: ReadonlyArray<readonly [string, (index: number, call: Fields) => Buffer]> = [
  [
    'rapid reset (CVE-2023-44487)',
    (i, call) => Buffer.concat([headers(2 * i + 1, call, END_HEADERS), reset(2 * i + 1)]),
  ],
  [
    'resets provoked (CVE-2025-8671)',
    (i, call) =>
      Buffer.concat([
        headers(2 * i + 1, call, END_HEADERS),
        frame(FRAME.windowUpdate, 0, 2 * i + 1, Buffer.alloc(4)),
      ]),
  ],
  [
    'CONTINUATION without end (CVE-2024-27316)',
    (i, call) =>
      i === 0
        ? headers(1, call, 0)
        : frame(FRAME.continuation, 0, 1, Buffer.from('\0\x03x-y\x03abc', 'latin1')),
  ],
  ['SETTINGS (CVE-2019-9515)', () => frame(FRAME.settings, 0, 0, Buffer.from([0, 3, 0, 0, 0, 100]))],
  ['PING (CVE-2019-9512)', () => frame(FRAME.ping, 0, 0, Buffer.alloc(8))],
  [
    'empty DATA (CVE-2019-9518)',
    (i, call) =>
      i === 0 ? headers(1, { ...call, ':method': 'POST' }, END_HEADERS) : frame(FRAME.data, 0, 1),
  ],
  ['PRIORITY (CVE-2019-9513)', i => frame(FRAME.priority, 0, 2 * i + 1, Buffer.from([0, 0, 0, 0, 16]))],
  [
    'streams without end',
    (i, call) =>
      headers(2 * i + 1, { ...call, ':method': 'POST', ':path': '/v1/chat/completions' }, END_HEADERS),
  ],
  ['unknown frames', i => frame(0x42, 0, i % 7, Buffer.alloc(64))],
]

/** Frames until the server hangs up or stops to read; what it still takes after 8 MiB costs it nothing. */
async function flood(target: Target, make: (index: number, call: Fields) => Buffer): Promise<Outcome> {
  const session = await openFrames(target.apis.gateway.port)
  const call = CALL(target.key)
  const startedMs = performance.now()
  let written = 0
  for (let i = 0; !session.closed && written < MAX_FLOOD_BYTES; i += PER_ROUND) {
    const bytes = Buffer.concat(Array.from({ length: PER_ROUND }, (_, n) => make(i + n, call)))
    written += bytes.length
    if (!session.socket.write(bytes)) {
      await Promise.race([
        new Promise(resolve => session.socket.once('drain', resolve).once('close', resolve)),
        new Promise(resolve => setTimeout(resolve, 1_000)),
      ])
    }
    await new Promise(resolve => setImmediate(resolve))
    if (performance.now() - startedMs > FLOOD_LIMIT_MS) break
  }
  // Counted once a second.
  for (let waited = 0; waited < 3_000 && !session.closed; waited += 50) {
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  const reported = `${Math.round(written / 1_024)} KiB written, ${session.closed ? 'closed' : 'open'}`
  session.socket.destroy()
  const fault = await target.fault()
  if (fault !== undefined) return { kind: 'wrong', reported: `${reported}: ${fault}` }
  return { kind: session.closed || session.goaway !== undefined ? 'refused' : 'harmless', reported }
}

export function http2Families(everyNth: number): Family[] {
  return [
    {
      name: 'HTTP/2 downgrade',
      inputs: 'CRLF and NUL in fields, pseudo-headers, connection fields, authorities',
      parallel: 1,
      attacks: malformed.filter((_attack, i) => i % everyNth === 0),
    },
    {
      name: 'HTTP/2 floods',
      inputs: 'rapid reset, CONTINUATION, SETTINGS, PING, PRIORITY, empty DATA, streams, unknown frames',
      parallel: 1,
      attacks: FLOODS.filter((_flood, i) => i % everyNth === 0).map(([name, make]) => ({
        name,
        api: 'gateway',
        run: target => flood(target, make),
      })),
    },
  ]
}
