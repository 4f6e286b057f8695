import { readMigrations } from '@fluxgate/read-model'

/** Kysely's own tables as its migrator makes them, so that a later `migrate` goes on from here. */
const MIGRATOR_TABLES = `create table kysely_migration (
  name varchar(255) not null primary key,
  timestamp varchar(255) not null
);
create table kysely_migration_lock (
  id varchar(255) not null primary key,
  is_locked integer not null default 0
);
insert into kysely_migration_lock (id, is_locked) values ('migration_lock', 0);`

/** The time that the rows name as the run of each migration; fixed, since the file must not change by itself. */
const RAN_AT = '2026-01-01T00:00:00.000Z'

/** The fresh-database form of all migrations: one file for an empty database. */
export async function initSql(): Promise<string> {
  const migrations = await readMigrations()
  const rows = migrations.map(({ name }) => `  ('${name}', '${RAN_AT}')`).join(',\n')
  return [
    '-- Made from shared/read-model/migrations by `npm run db:init-sql`; do not edit.',
    'begin;',
    ...migrations.map(({ name, text }) => `-- ${name}\n${text.trim()}`),
    `-- What the migrator knows\n${MIGRATOR_TABLES}`,
    `insert into kysely_migration (name, timestamp) values\n${rows};`,
    'commit;\n',
  ].join('\n\n')
}
