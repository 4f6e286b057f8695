import type { PGlite } from '@electric-sql/pglite'
import { HEADER_BYTES } from './wire.ts'

/**
 * PGlite has one session, and its user is a superuser. A connection of another user gets that user's rights by SET
 * SESSION AUTHORIZATION before its turn, as the session user, so that no role can be taken on from there. Three ways
 * would lead back, and each is closed here: a statement that sets (only queries pass), `set_config` and its like (no
 * volatile function may be called but by the superuser), and a function call message (not passed).
 */

/** A query begins so, and no statement that sets, copies, locks or makes anything does. */
const QUESTION = /^(?:explain \(format json\) )?(?:with|select)\s/i
/** All that a simple query may be: the frame around questions. */
const FRAME: ReadonlySet<string> = new Set(['begin read only', 'rollback'])
/** Bind, Describe, Execute, Close, Sync, Flush. */
const HARMLESS = new Set([...'BDECSH'].map(type => type.charCodeAt(0)))
const PARSE = 'P'.charCodeAt(0)
const QUERY = 'Q'.charCodeAt(0)

/** Why the messages of a turn are not passed to PGlite; undefined when they are. */
export function restrictionFault(turn: Buffer): string | undefined {
  for (let at = 0; at < turn.length; ) {
    const type = turn[at] ?? 0
    const end = at + 1 + turn.readInt32BE(at + 1)
    const fields = turn.toString('utf8', at + HEADER_BYTES, end).split('\0')
    if (type === QUERY) {
      if (!FRAME.has(fields[0] ?? '')) return 'this user sends questions as prepared statements'
    } else if (type === PARSE) {
      const [name, text = ''] = fields
      // Names are shared by all connections.
      if (name !== '') return 'this user names no statements'
      if (!QUESTION.test(text)) return 'this user may only read'
    } else if (!HARMLESS.has(type)) return 'this user may not send this message'
    at = end
  }
  return undefined
}

/** What the engine's session becomes for a user, before a turn and outside of any transaction. */
export function becomeStatements(user: string, superuser: string): string {
  if (user === superuser) {
    return `set session authorization ${quoted(user)}; reset search_path; reset default_transaction_read_only`
  }
  return `set search_path = reports; set default_transaction_read_only = on; set session authorization ${quoted(user)}`
}

/**
 * Volatile functions are those that set, sleep, lock, notify, read files or run SQL out of a string. PostgreSQL lets
 * every role call most of them; here nobody but the superuser may. Safe to run again.
 */
export async function revokeVolatileFunctions(database: PGlite): Promise<void> {
  await database.exec(`do $$ declare name regprocedure; begin
    for name in select oid::regprocedure from pg_proc
      where pronamespace = 'pg_catalog'::regnamespace and provolatile = 'v' and prokind = 'f'
        and has_function_privilege('public', oid, 'execute')
    loop execute format('revoke execute on function %s from public', name); end loop; end $$`)
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
