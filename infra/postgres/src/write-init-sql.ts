import { writeFile } from 'node:fs/promises'
import { initSql } from './init-sql.ts'

const FILE = new URL('../../../init.sql', import.meta.url)

await writeFile(FILE, await initSql())
