import {
  BODIES,
  type Case,
  CHAT,
  CHUNKED,
  CONNECTIONS,
  FRAMING,
  HEADERS,
  HOSTS,
  type RawResult,
  REQUEST_LINES,
  sendRaw,
} from '@fluxgate/gateway/testing'
import type { Attack, Family, Outcome } from '../attack.ts'
import { LIMIT_MS, outcomeOf } from '../request.ts'
import type { Target } from '../target.ts'

/** The gateway's own corpus, by a client with a real key against a real node over TLS. */
export function http1Families(everyNth: number): Family[] {
  const family = (name: string, inputs: string, cases: readonly Case[]): Family => ({
    name,
    inputs,
    parallel: 1,
    attacks: cases.filter((_case, i) => i % everyNth === 0).map(attackOf),
  })
  return [
    family(
      'request smuggling',
      'CL.TE, TE.CL, TE.TE, repeated and odd lengths, chunk sizes, extensions and trailers, bare LF',
      [...FRAMING, ...CHUNKED],
    ),
    {
      name: 'request smuggling past the router',
      inputs: 'the same to the portal, which Fastify serves',
      parallel: 1,
      attacks: [...FRAMING, ...CHUNKED].filter((_case, i) => i % everyNth === 0).map(pastTheRouter),
    },
    family(
      'request lines and paths',
      'methods, versions, dot segments, double escapes, absolute targets, noise',
      REQUEST_LINES,
    ),
    family('Host', 'none, two, userinfo, ports, brackets, names of others', HOSTS),
    family('headers', 'folds, bare CR and LF, NUL, sizes, numbers, hop-by-hop, upgrades', HEADERS),
    family('bodies and connections', 'sizes, types, pipelines, requests in pieces', [
      ...BODIES,
      ...CONNECTIONS,
    ]),
  ]
}

function attackOf(each: Case): Attack {
  return {
    name: each.name,
    api: 'gateway',
    async run(target) {
      target.models.take()
      const bytes = each.bytes.replaceAll('good-key', target.key)
      const { port, tls } = target.apis.gateway
      const result = await sendRaw(port, Buffer.from(bytes, 'latin1'), { tls, limitMs: LIMIT_MS })
      return judge(each, result, target)
    },
  }
}

/** Statuses there are the portal's own; what counts is that one request gets one answer, and nobody else's call. */
function pastTheRouter(each: Case): Attack {
  return {
    name: each.name,
    api: 'portal',
    async run(target) {
      target.models.take()
      const bytes = each.bytes.replaceAll(CHAT, '/portal/login').replaceAll('good-key', target.key)
      const { port, tls } = target.apis.portal
      const result = await sendRaw(port, Buffer.from(bytes, 'latin1'), {
        tls,
        quietMs: 20,
        limitMs: LIMIT_MS,
      })
      const seen = target.models.take()
      const outcome = outcomeOf({ ...result, answers: result.answers.slice(0, 1) })
      const isWrong = result.answers.length > (each.answers ?? 1) || seen.length > 0
      return isWrong ? { kind: 'wrong', reported: `${outcome.reported}, models saw ${seen}` } : outcome
    },
  }
}

function judge(each: Case, { answers, closed }: RawResult, target: Target): Outcome {
  const [first] = answers
  const seen = target.models.take()
  const reported = `${answers.map(({ status, body }) => `${status} ${body.slice(0, 120)}`)}${closed ? ' closed' : ''}, models saw ${seen}`
  const wrong = { kind: 'wrong', reported } as const
  if (first ? !each.statuses.includes(first.status) : !closed) return wrong
  if (answers.length > (each.answers ?? 1) || seen.length > (each.upstream ?? 0)) return wrong
  if (seen.some(line => line.includes('smuggled'))) return wrong
  return { kind: first && first.status < 400 ? 'harmless' : 'refused', reported }
}
