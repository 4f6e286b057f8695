import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mcpExamples } from './mcp-examples.ts'

/** `npm run docs:mcp`: writes the reference of the MCP server, with a call and an answer of each tool. */
const FILE = join(import.meta.dirname, '../reference/mcp.md')
const HEAD = `# MCP: tools, resources and prompts

Written by \`npm run docs:mcp\`, from a system as \`npm start\` runs it. How to connect a client: [MCP](../how-to/mcp.md).`

writeFileSync(FILE, `${HEAD}\n\n${await mcpExamples()}\n`)
