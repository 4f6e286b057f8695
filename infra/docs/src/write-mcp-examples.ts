import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mcpExamples } from './mcp-examples.ts'

/** `npm run docs:mcp`: writes the examples anew between their marks in the guide. */
const FILE = join(import.meta.dirname, '../guides/mcp.md')
const [BEGIN, END] = ['<!-- made by npm run docs:mcp -->', '<!-- end of what is made -->']

const guide = readFileSync(FILE, 'utf8')
const [before, rest] = guide.split(BEGIN)
const after = rest?.split(END)[1]
if (before === undefined || after === undefined) throw new Error(`${FILE} has no marks for the examples`)
writeFileSync(FILE, `${before}${BEGIN}\n\n${await mcpExamples()}\n\n${END}${after}`)
