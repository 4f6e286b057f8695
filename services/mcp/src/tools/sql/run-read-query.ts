import { STREAMS } from '@fluxgate/contracts'
import { z } from 'zod'
import type { Backends } from '../../backends/index.ts'
import { answered, defineTool, problem } from '../../calls/index.ts'
import { asOfField, asOfOf, freshnessOf, freshnessText, limitField } from '../../views/index.ts'
import { checkStatement } from './statement.ts'

const MAX_STATEMENT_CHARS = 8_000
const ROWS_AS_TEXT = 50

export const runReadQuery = defineTool({
  name: 'run_read_query',
  title: 'Ask in SQL',
  description:
    'Runs one read-only SELECT (PostgreSQL) over the views requests, usage_minutes, usage_hours, usage_days, incidents, ' +
    'throttles, auth_events, budget_crossings and users; the resource fluxgate://schema describes every column. Use it ' +
    'for what no other tool answers, such as a comparison or a ranking of your own; always limit the time. It can call ' +
    'only functions that compute. Columns need distinct names.',
  effect: 'reads',
  input: z.strictObject({
    sql: z.string().trim().min(6).max(MAX_STATEMENT_CHARS).describe('One SELECT, or WITH … SELECT.'),
    limit: limitField(100, 1_000),
  }),
  output: z.object({
    rows: z.array(z.record(z.string(), z.unknown())).describe('Values as JSON; times as ISO 8601.'),
    cut: z.boolean().describe('There is more than the limit on rows or on bytes lets through.'),
    asOf: asOfField,
  }),

  async answer({ sql, limit }, backends) {
    const check = checkStatement(sql)
    if (!check.ok) return problem(check.problem)
    const fresh = await freshnessOf(backends, [STREAMS.requests, STREAMS.tokens])
    const answer = await backends.sql.ask(check.statement, limit)
    if (!answer.ok) return problem(refusalText(answer))
    const { rows, cut } = answer
    return answered({ rows, cut, asOf: asOfOf(fresh) }, [
      `${rows.length} rows${cut ? ', and there are more than the limits let through' : ''}.`,
      ...rows.slice(0, ROWS_AS_TEXT).map(row => JSON.stringify(row)),
      ...(rows.length > ROWS_AS_TEXT
        ? [`The other ${rows.length - ROWS_AS_TEXT} are in the data alone.`]
        : []),
      freshnessText(fresh),
    ])
  },
})

type Refusal = Extract<Awaited<ReturnType<Backends['sql']['ask']>>, { ok: false }>

const CLOSED =
  'Questions in SQL are not open here: they need a Postgres user in the role fluxgate_mcp_reader and in no other, whose ' +
  'URL is MCP_READ_DATABASE_URL. `npm run fluxgate -- db:users` makes one with POSTGRES_PASSWORD_MCP_READER.'
const ENDED =
  'The connection to Postgres ended while the question ran, which happens when it takes too much time or memory. Look at ' +
  'less time, or ask usage_hours and usage_days, which hold sums.'

function refusalText(refusal: Refusal): string {
  switch (refusal.kind) {
    case 'closed':
      return CLOSED
    case 'ended':
      return ENDED
    case 'rights':
      return (
        `Questions in SQL are not asked: the user ${JSON.stringify(refusal.user)} of MCP_READ_DATABASE_URL may do more ` +
        'than read the views. Give one that is in the role fluxgate_mcp_reader and in no other.'
      )
    case 'cost':
      return (
        `Postgres expects too much work (cost ${Math.round(refusal.cost)}). Look at less time (where at > now() - ` +
        "interval '1 day'), or ask usage_hours and usage_days, which hold sums."
      )
    case 'statement':
      return faultText(refusal.code, refusal.message)
  }
}

function faultText(code: string, message: string): string {
  switch (code) {
    case '57014':
      return 'The question took too long and was given up. Look at less time, or ask usage_hours and usage_days.'
    case '53200':
    case '53400':
      return 'The question needs more memory or disk than it may have. Look at less time, or make shorter texts.'
    case '42501':
      return `This may not be read here: ${message}. The resource fluxgate://schema lists the views.`
    default:
      return `Postgres refuses it (${code}): ${message}. The resource fluxgate://schema lists views and columns.`
  }
}
