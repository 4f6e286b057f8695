import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { listBody, mergeModels, readModelList } from './model-lists.ts'
import { DEFAULT_POLICY } from './routing-policy.ts'
import { specOfUrl, withSimpleUpstreams } from './upstream-spec.ts'
import { parseUpstreamsFile } from './upstreams-file.ts'

const defaults = {
  connectTimeoutMs: 1,
  firstByteTimeoutMs: 2,
  idleTimeoutMs: 3,
  maxUpstreamConnections: 4,
}
const ENV: Record<string, string> = { KEY: 'secret-key', PASS: 'p%40ss' }
const parse = (value: unknown) =>
  parseUpstreamsFile(typeof value === 'string' ? value : JSON.stringify(value), name => ENV[name], defaults)
const faultsOf = (value: unknown) => {
  const parsed = parse(value)
  assert.ok(!parsed.ok, 'it was taken')
  return parsed.faults
}
const A = { name: 'a', url: 'https://a.example/v1/' }

describe('UPSTREAMS_FILE', () => {
  it('is read with its defaults, its credentials and its policy', () => {
    const parsed = parse({
      upstreams: [
        {
          ...A,
          credentials: { header: 'Authorization', value: `Bearer \${env:KEY}` },
          headers: { 'X-Org': 'o' },
          models: ['gpt-*'],
          aliases: { fast: 'gpt-5-mini' },
          dialects: ['openai'],
          weight: 3,
          maxInFlight: 7,
          timeouts: { firstByteMs: 9 },
          health: { path: '/health' },
        },
        { name: 'b', url: `http://user:\${env:PASS}@b.example:81/base` },
      ],
      fallbacks: { 'gpt-*': ['llama3'] },
      retry: { maxAttempts: 2 },
    })
    assert.ok(parsed.ok, JSON.stringify(parsed))
    const [a, b] = parsed.plan.upstreams
    assert.deepEqual(a, {
      name: 'a',
      origin: 'https://a.example',
      prefix: '',
      headers: { authorization: 'Bearer secret-key', 'x-org': 'o' },
      models: ['gpt-*'],
      aliases: { fast: 'gpt-5-mini' },
      dialects: ['openai'],
      vendor: undefined,
      weight: 3,
      maxInFlight: 7,
      connectTimeoutMs: 1,
      firstByteTimeoutMs: 9,
      idleTimeoutMs: 3,
      askForUsage: true,
      health: { path: '/health', intervalMs: 10_000, timeoutMs: 5_000, expect: [200], failures: 2 },
    })
    assert.equal(b!.headers.authorization, `Basic ${Buffer.from('user:p@ss').toString('base64')}`)
    assert.equal(b!.prefix, '/base')
    assert.deepEqual(b!.dialects, ['openai', 'anthropic', 'ollama'])
    assert.deepEqual(parsed.plan.policy.retry, { ...DEFAULT_POLICY.retry, maxAttempts: 2 })
  })

  const wrong: Array<[string, unknown, RegExp]> = [
    ['no JSON', '{"upstreams":\n [}', /^not JSON at line 2, column 3$/],
    ['half of it', '{"upstreams":', /^not JSON: it ends too early$/],
    ['no upstreams', {}, /^upstreams is missing$/],
    ['a list', [], /^the file must be an object$/],
    ['no url', { upstreams: [{ name: 'a' }] }, /^upstreams\[0\]\.url is missing$/],
    [
      'a slip',
      { upstreams: [{ ...A, wieght: 1 }] },
      /^upstreams\[0\]\.wieght is not a field that is known here$/,
    ],
    [
      'a weight of 0',
      { upstreams: [{ ...A, weight: 0 }] },
      /^upstreams\[0\]\.weight must be at least 0\.001$/,
    ],
    [
      'a dialect',
      { upstreams: [{ ...A, dialects: ['x'] }] },
      /dialects\[0\] must be one of openai, anthropic, ollama$/,
    ],
    ['a twin', { upstreams: [A, A] }, /^upstreams\[1\]\.name "a" is upstreams\[0\]'s already$/],
    ['ftp', { upstreams: [{ name: 'a', url: 'ftp://x' }] }, /^upstreams\[0\]\.url must be a URL with http/],
    ['a query', { upstreams: [{ name: 'a', url: 'http://x/?a' }] }, /url must have no query/],
    [
      'a missing variable',
      { upstreams: [{ ...A, credentials: { header: 'x-api-key', value: `\${env:NOPE}` } }] },
      /^upstreams\[0\]\.credentials\.value needs the environment variable NOPE, which is not set$/,
    ],
    [
      'another reference',
      { upstreams: [{ ...A, headers: { a: `\${KEY}` } }] },
      /headers\["a"\] has a reference/,
    ],
    [
      'a framing header',
      { upstreams: [{ ...A, headers: { Host: 'x' } }] },
      /headers\["Host"\] may not set host$/,
    ],
    [
      'a line break',
      { upstreams: [{ ...A, headers: { a: 'x\r\ny: z' } }] },
      /headers\["a"\] has a value that no header/,
    ],
    [
      'two credentials',
      {
        upstreams: [{ name: 'a', url: 'http://u:p@x', credentials: { header: 'authorization', value: 'x' } }],
      },
      /credentials sets authorization a second time$/,
    ],
    [
      'an alias twice',
      { upstreams: [{ ...A, models: ['m'], aliases: { m: 'n' } }] },
      /aliases\["m"\] is in "models" too$/,
    ],
    ['a loop', { upstreams: [A], fallbacks: { m: ['m'] } }, /^fallbacks\["m"\] names the model itself$/],
    [
      'many fallbacks',
      { upstreams: [A], fallbacks: { m: ['a', 'b', 'c', 'd'] } },
      /^fallbacks\.m is longer than 3$/,
    ],
    [
      'ten attempts',
      { upstreams: [A], retry: { maxAttempts: 11 } },
      /^retry\.maxAttempts must be at most 10$/,
    ],
  ]
  for (const [what, value, words] of wrong) {
    it(`with ${what} says so`, () => assert.match(faultsOf(value).join('\n'), words))
  }

  it('shows no secret in a fault', () => {
    const faults = faultsOf({
      upstreams: [{ ...A, url: `ftp://u:\${env:KEY}@x`, headers: { host: `\${env:KEY}` }, weight: 1 }],
    })
    assert.ok(!faults.join().includes('secret-key'))
    assert.ok(!faultsOf('{"upstreams":[{"url":"http://u:hush@x"').join().includes('hush'))
  })

  it('is never a crash, whatever is in it', () => {
    fc.assert(fc.property(fc.json(), text => void parse(text)))
    fc.assert(fc.property(fc.string(), text => void parse(text)))
  })

  it('goes together with the simple form', () => {
    const simple = ['http://h:1/a', 'http://h:1/b'].map(url => specOfUrl(url, defaults))
    const parsed = parse({ upstreams: [{ name: 'h:1', url: 'http://h:1' }] })
    assert.ok(parsed.ok)
    const { upstreams } = withSimpleUpstreams(parsed.plan, simple)
    assert.deepEqual(
      upstreams.map(({ name, prefix }) => [name, prefix]),
      [
        ['h:1', ''],
        ['h:1#2', '/a'],
        ['h:1#3', '/b'],
      ],
    )
  })
})

describe('lists of models', () => {
  it('are read in every shape, merged, and listed in the dialect asked', () => {
    const one = readModelList(
      { data: [{ id: 'b', created: 5, owned_by: 'o', extra: 1 }, 7, { id: '' }] },
      'openai',
    )!
    const two = readModelList(
      { models: [{ name: 'a', modified_at: '2026-01-01T00:00:00Z' }, { name: 'b' }] },
      'openai',
    )!
    const merged = mergeModels([one, two])
    assert.deepEqual(listBody(merged, 'openai'), {
      object: 'list',
      data: [
        { object: 'model', created: 1_767_225_600, owned_by: '', id: 'a' },
        { object: 'model', created: 5, owned_by: 'o', id: 'b', extra: 1 },
      ],
    })
    const anthropic = listBody(merged, 'anthropic') as { data: object[]; first_id: string; last_id: string }
    assert.deepEqual([anthropic.first_id, anthropic.last_id], ['a', 'b'])
    assert.deepEqual(anthropic.data[0], {
      type: 'model',
      display_name: 'a',
      created_at: '2026-01-01T00:00:00.000Z',
      id: 'a',
    })
    const { models } = listBody(merged, 'ollama') as { models: Array<{ name: string; model: string }> }
    assert.deepEqual(
      models.map(({ name, model }) => [name, model]),
      [
        ['a', 'a'],
        ['b', 'b'],
      ],
    )
  })

  it('may be anything', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.constantFrom('openai' as const, 'anthropic' as const, 'ollama' as const),
        (value, dialect) => {
          for (const answer of [
            value,
            { data: value },
            { data: [value] },
            { data: [{ id: 'x', created: value }] },
          ]) {
            const read = readModelList(answer, dialect)
            if (read) JSON.stringify(listBody(read, dialect))
          }
        },
      ),
    )
  })
})
