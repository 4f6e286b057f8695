import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import type { Attack, Family } from '../attack.ts'
import { type AttackRequest, byRequest, mustBeRefused } from '../request.ts'
import type { ApiName } from '../target.ts'

const JSON_TYPE = 'Content-Type: application/json'

/** Where each face takes JSON; `null` bodies stand for the hostile one. */
const ROUTES: ReadonlyArray<readonly [ApiName, string, string]> = [
  ['gateway', 'POST', '/v1/chat/completions'],
  ['gateway', 'POST', '/v1/messages'],
  ['gateway', 'POST', '/api/chat'],
  ['portal', 'POST', '/portal/login'],
  ['portal', 'POST', '/portal/register'],
  ['portal', 'POST', '/portal/keys'],
  ['portal', 'POST', '/portal/password'],
  ['admin', 'POST', '/admin/keys/generate'],
  ['admin', 'POST', '/admin/users'],
  ['admin', 'POST', '/admin/throttle'],
  ['admin', 'PUT', '/admin/tiers/hostile'],
  ['admin', 'PUT', '/admin/policy/guard'],
  ['mcp', 'POST', '/mcp'],
  ['dashboard', 'POST', '/portal/login'],
  ['dashboard', 'PUT', '/api/policies/guard'],
  ['dashboard', 'POST', '/api/throttles'],
  ['dashboard', 'POST', '/play/chat'],
]

const POISON: ReadonlyArray<readonly [string, string]> = [
  ['__proto__', '{"__proto__":{"polluted":"yes"},"model":"m"}'],
  ['constructor.prototype', '{"constructor":{"prototype":{"polluted":"yes"}},"model":"m"}'],
  ['__proto__ deep inside', '{"a":{"b":[{"__proto__":{"polluted":"yes"}}]},"model":"m"}'],
  ['an escaped __proto__', '{"\\u005f_proto__":{"polluted":"yes"},"model":"m"}'],
  [
    'a call whose arguments poison',
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"__proto__":{"polluted":"yes"},"name":"__proto__","arguments":{"constructor":{"prototype":{"polluted":"yes"}}}}}',
  ],
]

const deep = (open: string, close: string, depth: number) => `${open.repeat(depth)}1${close.repeat(depth)}`
const OVERSIZED: ReadonlyArray<readonly [string, () => string]> = [
  ['arrays 40,000 deep', () => deep('[', ']', 40_000)],
  ['objects 10,000 deep', () => deep('{"a":', '}', 10_000)],
  ['a body of 5 MB', () => `{"model":"${'m'.repeat(5_000_000)}"}`],
  ['20,000 fields', () => `{${Array.from({ length: 20_000 }, (_, i) => `"f${i}":1`).join()}}`],
  ['a policy 10,000 deep', () => `{"key":"guard","reason":"x","policy":${deep('{"a":', '}', 10_000)}}`],
  ['a number of 60,000 digits', () => `{"model":"m","max_tokens":${'9'.repeat(60_000)}}`],
  ['a name of 60,000 characters', () => `{"${'n'.repeat(60_000)}":1}`],
  [
    '3,000 messages',
    () => `{"model":"m","messages":[${Array(3_000).fill('{"role":"user","content":""}').join()}]}`,
  ],
  ['half of it', () => '{"model":"m","messages":[{"role":'],
  ['no UTF-8', () => '{"model":"\xff\xfe"}'],
]

function ofEveryRoute(name: string, body: () => string): Attack[] {
  return ROUTES.map(([api, method, path]) =>
    byRequest(`${name} to ${method} ${path}`, api, () => ({
      method,
      path,
      headers: [JSON_TYPE],
      body: body(),
    })),
  )
}

/** A few hundred bytes that would become hundreds of megabytes. */
const BOMB_BYTES = 64 * 1024 * 1024
const zeros = () => Buffer.alloc(BOMB_BYTES, ' ')

function bombs(): Attack[] {
  const gzip = gzipSync(zeros())
  const codings: ReadonlyArray<readonly [string, Buffer]> = [
    ['gzip', gzip],
    ['gzip, gzip', gzipSync(gzip)],
    ['deflate', deflateSync(zeros())],
    ['br', brotliCompressSync(zeros())],
    ['identity, gzip', gzip],
    ['x-unknown', Buffer.from('{"model":"m"}')],
  ]
  const apis = ROUTES.filter(([api], i) => ROUTES.findIndex(([other]) => other === api) === i)
  return apis.flatMap(([api, method, path]) =>
    codings.map(([coding, body]) => {
      const request = { method, path, headers: [JSON_TYPE, `Content-Encoding: ${coding}`], body }
      // Nothing here decodes a request: at the gateway it would go on as it came, at the others it is no JSON.
      return byRequest(`${coding} to ${api}`, api, request)
    }),
  )
}

function sizes(): Attack[] {
  const paths: Record<ApiName, string> = {
    gateway: '/api/ps',
    portal: '/portal/me',
    admin: '/admin/users',
    mcp: '/mcp',
    dashboard: '/api/overview',
  }
  const requests: ReadonlyArray<readonly [string, Partial<AttackRequest>]> = [
    ['a URL of 100,000 bytes', { path: `/${'a'.repeat(100_000)}` }],
    ['a query of 60,000 bytes', { path: `/?${'a=b&'.repeat(15_000)}` }],
    ['a header of 1 MB', { headers: [`X-Long: ${'x'.repeat(1_000_000)}`] }],
    ['5,000 headers', { headers: Array.from({ length: 5_000 }, (_, i) => `X-${i}: y`) }],
    ['cookies of 100,000 bytes', { headers: [`Cookie: ${'a=b; '.repeat(20_000)}`] }],
    [
      'a key of 100,000 characters',
      { headers: [`Authorization: Bearer ${'k'.repeat(100_000)}`], anonymous: true },
    ],
  ]
  return (Object.keys(paths) as ApiName[]).flatMap(api =>
    requests.map(([name, request]) =>
      byRequest(`${name} to ${api}`, api, { path: paths[api], ...request }, mustBeRefused),
    ),
  )
}

export function jsonFamilies(everyNth: number): Family[] {
  const some = (attacks: Attack[]) => attacks.filter((_attack, i) => i % everyNth === 0)
  return [
    {
      name: 'prototype pollution',
      inputs: '`__proto__`, `constructor.prototype`, escaped and deep, on every face that takes JSON',
      parallel: 4,
      attacks: some(POISON.flatMap(([name, body]) => ofEveryRoute(name, () => body))),
    },
    {
      name: 'oversized JSON',
      inputs: 'depth, size, fields, digits, messages, torn text, on every face that takes JSON',
      parallel: 2,
      attacks: some(OVERSIZED.flatMap(([name, body]) => ofEveryRoute(name, body))),
    },
    {
      name: 'oversized heads',
      inputs: 'URL, query, headers, cookies, keys, on every face',
      parallel: 2,
      attacks: some(sizes()),
    },
    {
      name: 'decompression bombs',
      inputs: 'gzip, twice gzip, deflate, br, mixed, unknown, on every face',
      parallel: 2,
      attacks: some(bombs()),
    },
  ]
}
