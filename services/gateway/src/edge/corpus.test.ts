import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Case } from './test/case.ts'
import { BODIES, CHUNKED, CONNECTIONS, FRAMING } from './test/corpus-body.ts'
import { HEADERS, HOSTS, REQUEST_LINES } from './test/corpus-head.ts'
import { type EdgeTestEnv, makePair, startEdge } from './test/env.ts'
import { type RawResult, sendRaw } from './test/raw.ts'
import type { TlsPair } from './tls.fs.ts'

const CORPUS: Readonly<Record<string, readonly Case[]>> = {
  'request line': REQUEST_LINES,
  host: HOSTS,
  headers: HEADERS,
  framing: FRAMING,
  chunked: CHUNKED,
  bodies: BODIES,
  connections: CONNECTIONS,
}

interface Tally {
  cases: number
  refused: number
  answered: number
  closed: number
}

const tallies = new Map<string, Tally>()

function count(group: string, { answers }: RawResult): void {
  const tally = tallies.get(group) ?? { cases: 0, refused: 0, answered: 0, closed: 0 }
  tallies.set(group, tally)
  tally.cases++
  if (answers.length === 0) tally.closed++
  else if (answers[0]!.status >= 400) tally.refused++
  else tally.answered++
}

/** What a case says, held against what came back and what the upstream saw. */
async function check(env: EdgeTestEnv, each: Case, tls: boolean): Promise<RawResult> {
  env.seen.length = 0
  const result = await sendRaw(env.port, Buffer.from(each.bytes, 'latin1'), { tls })
  const { answers } = result
  const reported = `${each.name}: ${answers.map(({ status, body }) => `${status} ${body}`)}${result.closed ? ' closed' : ''}`
  const [first] = answers
  if (first) assert.ok(each.statuses.includes(first.status), reported)
  else assert.ok(result.closed && (each.orClose || each.statuses.length === 0), reported)
  assert.ok(answers.length <= (each.answers ?? 1), reported)
  assert.equal(
    env.seen.length,
    each.upstream ?? 0,
    `${reported}, upstream: ${env.seen.map(({ method, url }) => `${method} ${url}`)}`,
  )
  if (each.upstream !== undefined) assert.equal(answers.length, each.answers ?? 1, reported)
  for (const [name, pattern] of Object.entries(each.headers ?? {}))
    assert.match(first?.headers[name] ?? '', pattern, reported)
  if (first && first.status >= 400 && first.body !== '')
    assert.ok('error' in JSON.parse(first.body), reported)
  checkForwarded(env, each, reported)
  return result
}

function checkForwarded(
  { seen: [request] }: EdgeTestEnv,
  { forwarded, upstream = 0 }: Case,
  reported: string,
): void {
  if (upstream === 0 || !request) return
  for (const name of ['authorization', 'transfer-encoding', 'te', 'upgrade', 'cookie']) {
    assert.equal(request.headers[name], undefined, reported)
  }
  for (const name of forwarded?.without ?? []) assert.equal(request.headers[name], undefined, reported)
  if (forwarded?.url !== undefined) assert.equal(request.url, forwarded.url, reported)
  if (forwarded?.body !== undefined) assert.equal(request.body, forwarded.body, reported)
}

let pair: TlsPair
before(async () => {
  pair = await makePair()
})
after(() => {
  const rows = [...tallies].map(([group, tally]) => ({ group, ...tally }))
  const sum = (field: keyof Tally) => rows.reduce((all, row) => all + row[field], 0)
  rows.push({
    group: 'all',
    cases: sum('cases'),
    refused: sum('refused'),
    answered: sum('answered'),
    closed: sum('closed'),
  })
  console.table(rows)
})

it('the corpus has at least 200 cases, none twice', () => {
  const cases = Object.values(CORPUS).flat()
  assert.ok(cases.length >= 200, `${cases.length}`)
  const twice = cases.filter((each, i) => cases.findIndex(other => other.bytes === each.bytes) !== i)
  assert.deepEqual(
    twice.map(each => each.name),
    [],
  )
})

for (const [server, tls] of [
  ['plain', false],
  ['TLS', true],
] as const) {
  describe(`HTTP/1.1 over ${server}`, { concurrency: 4 }, () => {
    for (const [group, cases] of Object.entries(CORPUS)) {
      it(`${group}: ${cases.length} cases`, async () => {
        await using env = await startEdge(tls ? { tls: pair } : {})
        const wrong: string[] = []
        for (const each of cases) {
          try {
            count(`${group}, ${server}`, await check(env, each, tls))
          } catch (error) {
            wrong.push((error as Error).message)
          }
        }
        assert.equal(wrong.join('\n'), '')
      })
    }
  })
}
