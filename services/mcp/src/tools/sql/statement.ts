/** Whether a statement may be given to Postgres; the problem is written for the model that wrote it. */
export type StatementCheck =
  | { readonly ok: true; readonly statement: string }
  | { readonly ok: false; readonly problem: string }

/**
 * Functions that only compute. Postgres lets every role call functions that sleep, lock, signal, notify, read settings
 * or run SQL out of a string, and those that blow up memory: so that only these pass, and no role has to forbid the rest.
 */
const FUNCTIONS = new Set(
  `count sum avg min max bool_and bool_or every stddev stddev_pop stddev_samp variance var_pop var_samp corr mode
  percentile_cont percentile_disc row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value
  nth_value coalesce nullif greatest least abs ceil ceiling floor round trunc sign sqrt power exp ln log mod div
  width_bucket lower upper length char_length octet_length left right substr substring position strpos trim ltrim rtrim
  btrim split_part concat concat_ws replace starts_with reverse initcap to_char to_timestamp to_date to_number date_trunc
  date_part date_bin extract age now make_interval make_date justify_hours justify_days jsonb_extract_path_text
  jsonb_typeof jsonb_array_length cast numeric decimal varchar char timestamp timestamptz time interval filter over within
  in any all some exists values as using on and or not when then else where having by select from join lateral case between
  like ilike union intersect except distinct with limit offset is array row grouping rollup cube sets materialized
  group order partition current_timestamp`.split(/\s+/),
)

/** Words that cannot stand in a question, unless quoted as a string. */
const FORBIDDEN =
  /^(?:pg_.*|information_schema|reg[a-z]+|recursive|into|insert|update|delete|merge|truncate|copy|explain|analyze|create|alter|drop|grant|revoke|set|reset|show|call|do|execute|prepare|listen|notify|lock|for|tablesample|xmltable|json_table)$/

const TOKEN =
  /(?<space>\s+|--[^\n]*)|(?<text>'(?:[^']|'')*')|(?<quoted>"(?:[^"]|"")+")|(?<number>\d[\w.]*|\.\d+)|(?<word>[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)|(?<mark>[^\s])/gy

const MAX_DEPTH = 50

/** Lets pass one SELECT (or WITH … SELECT, or VALUES) that calls only functions of the list. */
export function checkStatement(text: string): StatementCheck {
  const statement = text.trim().replace(/;\s*$/, '')
  const problem = firstProblem(statement)
  return problem === undefined ? { ok: true, statement } : { ok: false, problem }
}

function firstProblem(statement: string): string | undefined {
  let depth = 0
  let before: string | undefined
  let last = ''
  let isFirst = true
  for (const { groups = {}, 0: token } of statement.matchAll(TOKEN)) {
    if (groups.space !== undefined) continue
    const name = groups.word?.toLowerCase() ?? groups.quoted?.slice(1, -1).replaceAll('""', '"')
    if (isFirst && !/^(?:select|with|values|\()$/.test(name ?? token)) {
      return NO_QUESTION
    }
    isFirst = false
    const fault = markProblem(token, groups.mark, last) ?? wordProblem(name, groups.quoted !== undefined)
    if (fault !== undefined) return fault
    if (/^(?:e|b|x|n|u)$/i.test(last) && groups.text !== undefined) return PLAIN_STRINGS
    if (token === '(') {
      if (++depth > MAX_DEPTH) return `More than ${MAX_DEPTH} levels of brackets.`
      if (before !== undefined && !FUNCTIONS.has(before)) return notAFunction(before)
    }
    if (token === ')' && --depth < 0) return 'A bracket is closed that was not opened.'
    before = name
    last = token
  }
  if (isFirst) return NO_QUESTION
  return depth === 0 ? undefined : 'A bracket is not closed.'
}

const NO_QUESTION = 'This is not a question: begin with SELECT, or WITH … SELECT.'
const PLAIN_STRINGS = "Strings are plain here: '…' with '' for a quote, without a prefix and without $$."

function markProblem(token: string, mark: string | undefined, last: string): string | undefined {
  if (mark === undefined) return undefined
  if (token === ';') return 'One statement alone: leave out the semicolon.'
  if (token === '$' || token === '&') return PLAIN_STRINGS
  if (token === '*' && last === '/') return 'Comments begin with -- here.'
  if (token === "'" || token === '"') return 'A string or a quoted name is not closed.'
  if (token === '\\' || token === '\0')
    return `The character ${JSON.stringify(token)} has no place in a question.`
  return undefined
}

function wordProblem(name: string | undefined, quoted: boolean): string | undefined {
  if (name === undefined) return undefined
  const word = name.toLowerCase()
  if (!FORBIDDEN.test(word)) return undefined
  // Quoted, a keyword is a name; a catalog stays a catalog.
  if (quoted && !/^(?:pg_|reg|information_schema)/.test(word)) return undefined
  return `The word ${JSON.stringify(name)} has no place in a question; the views are described in fluxgate://schema.`
}

function notAFunction(word: string): string {
  return (
    `${JSON.stringify(word)} cannot be called here: only functions that compute can, such as count, sum, avg, ` +
    'percentile_cont, date_trunc, extract, coalesce, round, lower, split_part, to_char, lag and rank.'
  )
}
