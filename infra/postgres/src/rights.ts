export type Right = 'select' | 'insert' | 'update' | 'delete'
type Rights = Readonly<Record<Right, readonly string[]>>

const FOLDS = [
  ...['projection_checkpoints', 'projection_heads', 'requests', 'requests_default', 'request_totals'],
  ...['usage_minutes', 'usage_hours', 'usage_days', 'latency_minutes', 'latency_hours', 'latency_days'],
  ...['auth_events', 'budget_crossings', 'throttles', 'incidents'],
]
const ACCOUNTS = ['users', 'api_keys', 'sessions', 'invitations', 'erased_users']
const all = (tables: readonly string[]): Rights => {
  return { select: tables, insert: tables, update: tables, delete: tables }
}
const reads = (tables: readonly string[]): Rights => ({ select: tables, insert: [], update: [], delete: [] })

/** What each role may do with whole tables; written by hand, so that a slip in a migration is seen here. */
export const RIGHTS = {
  gateway: all(ACCOUNTS),
  projection: all(FOLDS),
  mcp: reads([...FOLDS, 'sessions']),
  dashboard: reads([...FOLDS, 'sessions']),
  forensics: reads(FOLDS),
  mcp_reader: reads([]),
} as const

/** The rights in Markdown, as `roles.pg.test.ts` finds them in a real Postgres. */
export function rolesTable(): string {
  const roles = Object.entries<Rights>(RIGHTS)
  const rows = [...ACCOUNTS, ...FOLDS].sort().map(table => {
    const cells = roles.map(([, rights]) => lettersOf(rights, table))
    return `| \`${table}\` | ${cells.join(' | ')} |`
  })
  return `# Who may do what in Postgres

Made by \`npm run db:init-sql\` from what \`infra/postgres/src/roles.pg.test.ts\` compares with a real server. Rights to whole tables: **r**ead,
**i**nsert, **u**pdate, **d**elete. Beside them \`mcp\` and \`dashboard\` read columns of \`users\`, and \`dashboard\` of \`api_keys\`, never a hash; \`mcp_reader\`,
as which questions in SQL are asked, reads the views of the schema \`reports\` alone. No role makes or drops tables, but that
\`projection\` adds and drops days of \`requests\` by functions of the owner's.

| table | ${roles.map(([role]) => `fluxgate_${role}`).join(' | ')} |
| --- |${' --- |'.repeat(roles.length)}
${rows.join('\n')}
`
}

function lettersOf(rights: Rights, table: string): string {
  const letters = (['select', 'insert', 'update', 'delete'] as const).map(right =>
    rights[right].includes(table) ? { select: 'r', insert: 'i', update: 'u', delete: 'd' }[right] : '',
  )
  return letters.join('') || ' '
}
