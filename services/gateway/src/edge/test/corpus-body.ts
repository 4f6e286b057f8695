import {
  BODY,
  type Case,
  CHAT,
  CHUNKS,
  CRLF,
  chat,
  chunked,
  framed,
  get,
  HIDDEN,
  refused,
  served,
} from './case.ts'

const length = BODY.length
/** A chunked body whose first size line is written raw. */
const firstSize = (size: string): string => chunked(`${size}${CRLF}${BODY}${CRLF}0${CRLF}${CRLF}`)

/** RFC 9112 section 6: where a body ends. What is hidden behind must never be served. */
export const FRAMING: readonly Case[] = [
  served('a length', chat()),
  served('a length with zeros before', framed([`Content-Length: 00${length}`], BODY)),
  served('chunks', chunked(CHUNKS), { forwarded: { body: BODY } }),
  served('chunks in capitals', framed(['Transfer-Encoding: CHUNKED'], CHUNKS), { forwarded: { body: BODY } }),
  ...(
    [
      ['a length beside chunks', ['Transfer-Encoding: chunked', `Content-Length: ${length}`]],
      ['a length before chunks', [`Content-Length: ${length}`, 'Transfer-Encoding: chunked']],
      ['a zero length beside chunks', ['Content-Length: 0', 'Transfer-Encoding: chunked']],
      ['two lengths', [`Content-Length: ${length}`, 'Content-Length: 5']],
      ['the same length twice', [`Content-Length: ${length}`, `Content-Length: ${length}`]],
      ['two lengths in one', [`Content-Length: ${length}, ${length}`]],
      ['a signed length', [`Content-Length: +${length}`]],
      ['a negative length', ['Content-Length: -1']],
      ['a hexadecimal length', ['Content-Length: 0xd']],
      ['an empty length', ['Content-Length:']],
      ['a length with a space', ['Content-Length: 1 3']],
      ['a length with a point', ['Content-Length: 13.0']],
      ['a length with an exponent', ['Content-Length: 1e1']],
      ['a length with an underscore', ['Content-Length: 1_3']],
      ['a length beyond 64 bits', ['Content-Length: 99999999999999999999999']],
      ['a length of 2^64 + 13', ['Content-Length: 18446744073709551629']],
      ['a length with a NUL', ['Content-Length: 13\0']],
      ['a coding of identity', ['Transfer-Encoding: identity']],
      ['an unknown coding', ['Transfer-Encoding: xchunked']],
      ['gzip alone', ['Transfer-Encoding: gzip']],
      ['gzip before chunked', ['Transfer-Encoding: gzip, chunked']],
      ['chunked before identity', ['Transfer-Encoding: chunked, identity']],
      ['chunked twice in one', ['Transfer-Encoding: chunked, chunked']],
      ['chunked twice', ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked']],
      ['chunked and identity', ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity']],
      ['identity and chunked', ['Transfer-Encoding: identity', 'Transfer-Encoding: chunked']],
      ['an empty coding', ['Transfer-Encoding:']],
      ['an empty coding beside a length', ['Transfer-Encoding:', `Content-Length: ${length}`]],
      ['a comma before chunked', ['Transfer-Encoding: ,chunked']],
      ['a comma after chunked', ['Transfer-Encoding: chunked,']],
      ['a parameter of chunked', ['Transfer-Encoding: chunked;x=1']],
      ['chunked in quotes', ['Transfer-Encoding: "chunked"']],
      ['a vertical tab before chunked', ['Transfer-Encoding: \vchunked']],
      ['a vertical tab after chunked', ['Transfer-Encoding: chunked\v']],
      ['a NUL after chunked', ['Transfer-Encoding: chunked\0']],
      ['a folded coding', ['Transfer-Encoding:', ' chunked']],
      ['a space before the colon', ['Transfer-Encoding : chunked']],
      ['a coding in Latin-1', ['Transfer-Encoding: ch\xfcnked']],
      ['a coding behind a bare CR', ['X: y\rTransfer-Encoding: chunked']],
      ['a coding behind a bare LF', ['X: y\nTransfer-Encoding: chunked', `Content-Length: ${length}`]],
    ] as const
  ).map(([name, headers]) =>
    refused(`${name}, and a request behind it`, `${framed(headers, CHUNKS)}${HIDDEN}`),
  ),
  refused('chunks in HTTP/1.0', `${chunked(CHUNKS).replace('HTTP/1.1', 'HTTP/1.0')}${HIDDEN}`),
  // A name that only a careless reader takes for the real one: framed by the length, and not passed on.
  served(
    'an underscored coding beside a length',
    framed([`Content-Length: ${length}`, 'Transfer_Encoding: chunked'], BODY),
    {
      forwarded: { without: ['transfer_encoding'], body: BODY },
    },
  ),
  refused('a body shorter than its length', framed(['Content-Length: 50'], BODY), [400, 408]),
  refused('a request hidden in a body that is no JSON', framed([`Content-Length: ${HIDDEN.length}`], HIDDEN)),
]

/** RFC 9112 section 7.1. */
export const CHUNKED: readonly Case[] = [
  served('an extension', firstSize('d;name=value')),
  served('a quoted extension', firstSize('d;name="a;b"')),
  served('a size in capitals', firstSize('D')),
  served('a size with zeros', firstSize('00000d')),
  served(
    'a size of two digits in two chunks',
    chunked(`6${CRLF}{"mode${CRLF}7${CRLF}l":"m"}${CRLF}0${CRLF}${CRLF}`),
    {
      forwarded: { body: BODY },
    },
  ),
  served('trailers, which are dropped', chunked(`d${CRLF}${BODY}${CRLF}0${CRLF}X-Trailer: y${CRLF}${CRLF}`), {
    forwarded: { without: ['x-trailer'] },
  }),
  served(
    'a trailer that looks like a key',
    chunked(`d${CRLF}${BODY}${CRLF}0${CRLF}Authorization: Bearer other${CRLF}${CRLF}`),
  ),
  ...(
    [
      ['a size with 0x', '0xd'],
      ['a negative size', '-d'],
      ['a signed size', '+d'],
      ['a size in words', 'thirteen'],
      ['an empty size', ''],
      ['a space before the size', ' d'],
      ['a space after the size', 'd '],
      ['a tab after the size', 'd\t'],
      ['a bare semicolon', 'd;'],
      ['a size beyond 64 bits', 'fffffffffffffffff'],
      ['a size of 2^64 + 13', '1000000000000000d'],
      ['a bare LF after the size', 'd\n'],
      ['a NUL in the size', 'd\0'],
      ['a CR in an extension', 'd;a=\rb'],
      ['an LF in an extension', 'd;a=\nb'],
      ['a NUL in an extension', 'd;a=\0'],
      ['an underscore in the size', '0_d'],
      ['a comma in the size', 'd,d'],
      ['a point in the size', 'd.0'],
    ] as const
  ).map(([name, size]) => refused(name, firstSize(size))),
  refused('an extension of 20 KiB', firstSize(`d;a=${'b'.repeat(20_480)}`), [400, 413, 431]),
  refused(
    'extensions of 64 KiB in all',
    chunked(`${`1;${'a'.repeat(500)}${CRLF}x${CRLF}`.repeat(128)}0${CRLF}${CRLF}`),
    [400, 413, 431],
  ),
  refused('a chunk longer than its size', chunked(`5${CRLF}${BODY}${CRLF}0${CRLF}${CRLF}`)),
  refused('a chunk shorter than its size', chunked(`f${CRLF}${BODY}${CRLF}0${CRLF}${CRLF}`), [400, 408]),
  refused('a chunk that ends in LF', chunked(`d${CRLF}${BODY}\n0${CRLF}${CRLF}`)),
  refused('a chunk that ends in CR', chunked(`d${CRLF}${BODY}\r0${CRLF}${CRLF}`)),
  refused('sizes that end in LF', chunked(`d\n${BODY}\n0\n\n`)),
  refused('no last chunk', chunked(`d${CRLF}${BODY}${CRLF}`), [400, 408]),
  refused('no end after the last chunk', chunked(`d${CRLF}${BODY}${CRLF}0${CRLF}`), [400, 408]),
  refused('a trailer without a colon', chunked(`d${CRLF}${BODY}${CRLF}0${CRLF}X${CRLF}${CRLF}`)),
  refused('a folded trailer', chunked(`d${CRLF}${BODY}${CRLF}0${CRLF}X: y${CRLF} z${CRLF}${CRLF}`)),
  refused(
    'a trailer of 20 KiB',
    chunked(`d${CRLF}${BODY}${CRLF}0${CRLF}X: ${'y'.repeat(20_480)}${CRLF}${CRLF}`),
    [400, 431],
  ),
  refused(
    'a trailer with a length',
    chunked(`d${CRLF}${BODY}${CRLF}0${CRLF}Content-Length: 5${CRLF}${CRLF}`),
  ),
  refused('5,000 chunks of a byte', chunked(`${`1${CRLF}x${CRLF}`.repeat(5_000)}0${CRLF}${CRLF}`)),
  refused(
    'chunks beyond the body limit',
    chunked(`${`2710${CRLF}${'x'.repeat(10_000)}${CRLF}`.repeat(12)}0${CRLF}${CRLF}`),
    [413],
  ),
]

const json = (body: string): string => framed([`Content-Length: ${body.length}`], body)
const encoded = (encoding: string): string => chat([`Content-Encoding: ${encoding}`])

/** What a body may be. */
export const BODIES: readonly Case[] = [
  served('identity as its encoding', encoded('identity')),
  ...['gzip', 'GZIP', 'deflate', 'br', 'zstd', 'x-gzip', 'compress', 'identity, gzip', 'nonsense'].map(
    encoding => ({
      ...refused(`encoding ${encoding}`, encoded(encoding), [415]),
      headers: { 'accept-encoding': /^identity$/ },
    }),
  ),
  refused('no JSON', json('hello')),
  refused('half of JSON', json('{"model":')),
  refused('an array', json('[1,2]')),
  refused('null', json('null')),
  refused('an empty body', json('')),
  refused('JSON after JSON', json('{"model":"m"}{"model":"n"}')),
  refused('a BOM and no JSON', json('\xef\xbb\xbfx')),
  refused('a length of 200 kB', framed(['Content-Length: 200000'], 'x'.repeat(200_000)), [413]),
  refused('a length of a terabyte', framed(['Content-Length: 1099511627776'], 'x'.repeat(70_000)), [413]),
  served(
    '__proto__ as a field, which changes nothing',
    json('{"model":"m","__proto__":{"stream":true,"max_tokens":9}}'),
  ),
  served('constructor as a field', json('{"model":"m","constructor":{"prototype":{"stream":true}}}')),
  served('a body of GET, which is not read', get('/api/ps', 'Content-Length: 5').concat('hello')),
]

/** RFC 9112 section 9 and RFC 9110 section 10.1.1. */
export const CONNECTIONS: readonly Case[] = [
  served('two requests in a row', `${get('/api/ps')}${get('/api/ps')}`, { answers: 2, upstream: 2 }),
  served('five requests in a row', get('/api/ps').repeat(5), { answers: 5, upstream: 5 }),
  served('a chat and a GET in a row', `${chat()}${get('/api/ps')}`, { answers: 2, upstream: 2 }),
  served('chunks and a GET in a row', `${chunked(CHUNKS)}${get('/api/ps')}`, { answers: 2, upstream: 2 }),
  served('a body of GET and a GET in a row', `${get('/api/ps', 'Content-Length: 5')}hello${get('/api/ps')}`, {
    answers: 2,
    upstream: 2,
  }),
  served('nothing after Connection: close', `${get('/api/ps', 'Connection: close')}${HIDDEN}`),
  served('nothing after HTTP/1.0', `${get('/api/ps').replace('HTTP/1.1', 'HTTP/1.0')}${HIDDEN}`),
  refused('nothing after a bad Host', `${get('/api/ps').replace('gw.test', 'a,b')}${HIDDEN}`),
  refused('nothing after a bad target', `${get('/v1/%00')}${HIDDEN}`),
  refused(
    'nothing after too many headers',
    `${get('/v1/x', ...Array.from({ length: 150 }, (_, i) => `X-${i}: y`))}${HIDDEN}`,
    [431],
  ),
  refused('nothing after an unknown expectation', `${chat(['Expect: nonsense'])}${HIDDEN}`, [417]),
  refused('nothing after a wrong method', `${chat().replace('POST', 'TRACE')}${HIDDEN}`, [405]),
  refused('nothing after an upgrade preface', `PRI * HTTP/2.0${CRLF}${CRLF}${HIDDEN}`),
  served('a request and then noise', `${get('/api/ps', 'Connection: close')}\0\x01\x02`),
  served('100-continue with the body at once', chat(['Expect: 100-continue'])),
  served('100-Continue in capitals', chat(['Expect: 100-Continue'])),
  refused(
    '100-continue for too long a body, which is not asked for',
    framed(['Content-Length: 200000', 'Expect: 100-continue'], ''),
    [413],
  ),
  {
    name: 'OPTIONS of a path',
    bytes: get(CHAT).replace('GET', 'OPTIONS'),
    statuses: [204],
    headers: { allow: /POST/ },
  },
  {
    name: 'OPTIONS of everything',
    bytes: get('*').replace('GET', 'OPTIONS'),
    statuses: [204],
    headers: { allow: /GET/ },
  },
  {
    name: 'a preflight when CORS is off',
    bytes: get(CHAT, 'Origin: https://app.test', 'Access-Control-Request-Method: POST').replace(
      'GET',
      'OPTIONS',
    ),
    statuses: [204],
  },
  served('HEAD, which has no body', get('/api/ps').replace('GET', 'HEAD')),
  { name: 'GET / as Ollama clients ask', bytes: get('/'), statuses: [200] },
  { name: 'HEAD /', bytes: get('/').replace('GET', 'HEAD'), statuses: [200] },
  { name: 'GET /health', bytes: get('/health'), statuses: [200] },
  { name: 'HEAD /ready', bytes: get('/ready').replace('GET', 'HEAD'), statuses: [200] },
  { name: 'an unknown path', bytes: get('/nothing'), statuses: [404] },
  { name: 'an unknown Ollama call', bytes: chat().replace(CHAT, '/api/pull'), statuses: [404] },
  { name: 'two slashes at the start', bytes: get('//api/ps'), statuses: [404] },
  { name: 'capitals in a root', bytes: get('/V1/models'), statuses: [404] },
]
