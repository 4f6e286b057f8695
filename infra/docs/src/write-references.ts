import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { apiReferences } from './api-references.ts'
import { eventCatalogue } from './event-catalogue.ts'

/** `npm run docs:references` */
const directory = join(import.meta.dirname, '../reference')
writeFileSync(join(directory, 'events.md'), eventCatalogue())
mkdirSync(join(directory, 'api'), { recursive: true })
for (const [file, text] of Object.entries(await apiReferences())) {
  writeFileSync(join(directory, 'api', file), text)
}
