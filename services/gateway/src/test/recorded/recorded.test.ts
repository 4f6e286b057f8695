import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { EventNamed } from '@fluxgate/contracts'
import { dialectOf } from '../../dialects/dialect-of-path.ts'
import { tapOf } from '../../dialects/test-taps.ts'
import { KEY, startTestEnv, type TestEnv } from '../../proxy/test-proxy.ts'
import type { ReportedUsage } from '../../usage/reported.ts'
import { type Expected, type RecordedAnswer, recordedAnswers } from './answers.ts'

const LAST_BYTES = 1_024
/** Of the beginning and of the end of a long stream. */
const TAIL_BYTES = 8 * 1_024
/** Through HTTP each answer is sent whole, and in two pieces at so many borders of its last kilobyte. */
const HTTP_BORDERS = 2

const answers = recordedAnswers()
const skip = answers ? false : 'the recordings (../shared/fixtures) are not here'

describe('a recorded answer', { skip }, () => {
  let env: TestEnv
  let sent: { readonly answer: RecordedAnswer; readonly cut: number }
  const table: string[] = []

  before(async () => {
    env = await startTestEnv((_request, response) => {
      const { answer, cut } = sent
      response.writeHead(answer.expected.status ?? 200, { 'content-type': answer.contentType })
      response.write(answer.bytes.subarray(0, cut), () =>
        setImmediate(() => response.end(answer.bytes.subarray(cut))),
      )
    })
    // No call of the test waits for a limit.
    env.deps.limits.setPolicy({ tiers: { free: { capacity: 1e12, refillRate: 1e9 } }, identities: {} }, 0)
  })
  after(() => env?.[Symbol.asyncDispose]())

  it('is settled at the vendor’s figures when it comes through the gateway, whole and in two pieces', async t => {
    const startedMs = performance.now()
    const deviations: string[] = []
    let calls = 0
    for (const answer of answers!) {
      const { length } = answer.bytes
      const borders = [length, ...bordersOf(length, HTTP_BORDERS)]
      for (const cut of borders) {
        sent = { answer, cut }
        const settled = await settledBy(env, answer)
        calls++
        const wrong = deviation(answer.expected, settled.data)
        if (wrong !== undefined) deviations.push(`${answer.name} cut at ${cut} of ${length}: ${wrong}`)
        if (cut === length) table.push(rowOf(answer, settled.data, wrong))
      }
    }
    t.diagnostic(`file × expected × settled\n${table.join('\n')}`)
    const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1)
    t.diagnostic(
      `${answers!.length} answers, ${calls} calls in ${seconds} s, ${deviations.length} deviations`,
    )
    assert.deepEqual(deviations, [])
  })

  it('is read alike when it is cut at any byte border of its last kilobyte', t => {
    let cuts = 0
    for (const answer of answers!.map(withoutMiddle)) {
      const { length } = answer.bytes
      const whole = readBy(answer, length)
      for (let cut = Math.max(1, length - LAST_BYTES); cut < length; cut++) {
        cuts++
        assert.deepEqual(readBy(answer, cut), whole, `${answer.name} cut at ${cut} of ${length}`)
      }
      const { expected } = answer
      if (expected.status !== undefined || expected.reported === false) continue
      assert.deepEqual(
        [whole?.counts.input, whole?.counts.output],
        [expected.input, expected.output],
        answer.name,
      )
    }
    t.diagnostic(`${cuts} cuts of ${answers!.length} answers`)
  })
})

/** A long stream without the events of its middle, which are alike: each cut reads the whole of what is left. */
function withoutMiddle(answer: RecordedAnswer): RecordedAnswer {
  const { bytes, isStream } = answer
  if (!isStream || bytes.length < 4 * TAIL_BYTES) return answer
  const from = bytes.indexOf('\n\n', TAIL_BYTES) + 2
  const to = bytes.indexOf('\n\n', bytes.lastIndexOf('\n\n', bytes.length - TAIL_BYTES) - 1) + 2
  return from >= to
    ? answer
    : { ...answer, bytes: Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]) }
}

/** Borders of the last kilobyte, spread evenly. */
function bordersOf(length: number, count: number): number[] {
  const from = Math.max(1, length - LAST_BYTES)
  return Array.from({ length: count }, (_, i) => Math.floor(from + ((length - from) * (i + 1)) / (count + 1)))
}

async function settledBy(env: TestEnv, { path, isStream }: RecordedAnswer) {
  const before = env.named('tokens.settled').length
  const model = 'asked-for'
  const content = [{ role: 'user', content: 'Hello' }]
  const text = path === '/v1/completions' ? { prompt: 'Hello' } : { messages: content, input: 'Hello' }
  const body = { model, stream: isStream, max_tokens: 10, ...text }
  const response = await fetch(env.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ ...body, query: 'Hello', documents: ['a', 'b'] }),
  })
  await response.arrayBuffer()
  // What the gateway has appended is safe before the client sees the end.
  return env.named('tokens.settled')[before]!
}

const COUNTS = [
  'input',
  'cachedInput',
  'cacheWrite5m',
  'cacheWrite1h',
  'output',
  'reasoning',
  'audioInput',
  'audioOutput',
  'images',
] as const

/** What is not as expected; undefined when all is. */
function deviation(expected: Expected, data: EventNamed<'tokens.settled'>['data']): string | undefined {
  const { usage, total, source, models, answered } = data
  if (expected.status !== undefined) return total === 0 ? undefined : `an error settled ${total} tokens`
  const tools = JSON.stringify(usage.tools ?? {}) === JSON.stringify(expected.tools ?? {})
  if (!tools) return `tools ${JSON.stringify(usage.tools)}, not ${JSON.stringify(expected.tools)}`
  if (expected.reported === false) return source === 'reported' ? 'reported without figures' : undefined
  const wrong = COUNTS.filter(name => (usage[name] ?? 0) !== (expected[name] ?? 0))
  if (wrong.length > 0)
    return wrong.map(name => `${name} ${usage[name]}, not ${expected[name] ?? 0}`).join('; ')
  if (total !== usage.input + usage.output) return `total ${total}`
  if (source !== 'reported') return `source ${source}`
  if (answered !== expected.model) return `answered by ${answered}, not ${expected.model}`
  const billed = Object.fromEntries(
    models?.map(each => [each.model, [each.usage.input, each.usage.output]]) ?? [],
  )
  if (JSON.stringify(billed) !== JSON.stringify(expected.models ?? {}))
    return `models ${JSON.stringify(billed)}`
  return undefined
}

function rowOf(
  { name, expected }: RecordedAnswer,
  data: EventNamed<'tokens.settled'>['data'],
  wrong?: string,
) {
  const { usage, source, vendor = '-' } = data
  const figures = (each: Partial<EventNamed<'tokens.settled'>['data']['usage']>) =>
    COUNTS.map(count => each[count] ?? 0).join('/')
  const wanted =
    expected.status !== undefined
      ? `an error (${expected.status}): nothing`
      : expected.reported === false
        ? 'no figures: counted'
        : figures(expected)
  return `${name} | ${wanted} | ${figures(usage)} ${source} ${vendor} | ${wrong ?? 'as expected'}`
}

/** What the readers make of an answer that comes in two pieces. */
function readBy(
  { path, contentType, bytes, isStream }: RecordedAnswer,
  cut: number,
): ReportedUsage | undefined {
  const tap = tapOf(dialectOf(path), contentType, { path, isStreamAsked: isStream })
  tap.write(bytes.subarray(0, cut))
  if (cut < bytes.length) tap.write(bytes.subarray(cut))
  tap.end()
  return tap.usage
}
