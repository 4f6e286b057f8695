import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { type System, startSystem } from '../../e2e/system.ts'
import { type Block, blocksOf, documents, ROOT } from './markdown.ts'

const guide = documents().find(({ path }) => path.endsWith('how-to/mcp.md')) ?? assert.fail('no guide of MCP')
const clients = blocksOf(guide).filter(
  ({ code, language }) => /fluxgate.*\/mcp|\/mcp[\s\S]*fluxgate/s.test(code) && language !== 'text',
)
const stdio = clients.filter(({ code }) => code.includes('--stdio'))
const http = clients.filter(block => !stdio.includes(block))
/** How each client's configuration says where the token comes from. */
const TOKEN = /\bTOKEN\b|\$\{input:token\}|\$\{env:FLUXGATE_TOKEN\}/

let system: System
before(async () => {
  system = await startSystem(undefined, { TLS: 'off' })
})
after(() => system[Symbol.asyncDispose]())

/** Address and header as the block has them, with this system's in place of the documented ones. */
function addressOf({ code }: Block): { url: URL; authorization: string } {
  const { mcpUrl, mcpToken } = system.connection
  const url = /https?:\/\/[^\s"]+\/mcp/.exec(code)?.[0]
  assert.equal(url, 'http://127.0.0.1:8000/mcp')
  if (/^bearer_token_env_var = "FLUXGATE_TOKEN"$/m.test(code))
    return { url: new URL(mcpUrl), authorization: `Bearer ${mcpToken}` }
  const header = /"?Authorization"?: "?([^"\n]+)"/.exec(code)?.[1] ?? assert.fail('no header')
  assert.match(header, TOKEN)
  return { url: new URL(mcpUrl), authorization: header.replace(TOKEN, mcpToken) }
}

async function asks(client: Client): Promise<void> {
  const { tools } = await client.listTools()
  assert.ok(tools.some(({ name }) => name === 'throttle_identity'))
  const { isError, structuredContent } = await client.callTool({ name: 'get_gateway_metrics', arguments: {} })
  assert.notEqual(isError, true)
  assert.ok(structuredContent)
}

describe('the MCP guide shows what clients receive', () => {
  test('is there for each of them', () => {
    assert.deepEqual([stdio.length, http.length], [1, 5])
  })

  for (const block of http) {
    test(`line ${block.line}: the server answers at the address, to the header`, async () => {
      const { url, authorization } = addressOf(block)
      const client = new Client({ name: 'guide', version: '1' })
      await client.connect(
        new StreamableHTTPClientTransport(url, { requestInit: { headers: { authorization } } }) as never,
      )
      await asks(client)
      await client.close()
    })
  }

  for (const block of stdio) {
    test(`line ${block.line}: the command starts a server that answers`, async () => {
      const { natsUrl, databaseUrl } = system.connection
      const { mcpServers } = JSON.parse(block.code) as {
        mcpServers: { fluxgate: { command: string; args: string[]; env: Record<string, string> } }
      }
      const { command, args, env } = mcpServers.fluxgate
      assert.deepEqual(Object.keys(env), ['NATS_URL', 'DATABASE_URL'])
      const here = (path: string) => path.replace('/path/to/fluxgate', ROOT)
      const client = new Client({ name: 'guide', version: '1' })
      await client.connect(
        new StdioClientTransport({
          command: here(command),
          args: args.map(here),
          env: { PATH: process.env.PATH ?? '', NATS_URL: natsUrl, DATABASE_URL: databaseUrl },
          cwd: join(ROOT, '..'),
        }),
      )
      await asks(client)
      await client.close()
    })
  }
})
