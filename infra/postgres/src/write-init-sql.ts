import { writeFile } from 'node:fs/promises'
import { initSql } from './init-sql.ts'
import { rolesTable } from './rights.ts'

await writeFile(new URL('../../../init.sql', import.meta.url), await initSql())
await writeFile(new URL('../../docs/reference/postgres-roles.md', import.meta.url), rolesTable())
