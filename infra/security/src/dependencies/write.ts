import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dependenciesGuide } from './list.ts'

/** `npm run docs:dependencies` */
writeFileSync(join(import.meta.dirname, '../../../docs/reference/dependencies.md'), dependenciesGuide())
