import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventCatalogue } from './event-catalogue.ts'

/** `npm run docs:references` */
writeFileSync(join(import.meta.dirname, '../events.md'), eventCatalogue())
