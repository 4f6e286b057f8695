import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { type Connection, startSystem } from '../../e2e/system.ts'

const MAX_LINES = 6
const MAX_CHARS = 400
const FLOOD_CALLS = 60
const SETTLE_MS = 5_000

/**
 * What each tool, resource and prompt of the MCP server is, with a call and its real answer: from a system as `npm start`
 * runs it, after some ordinary traffic and one identity that floods it.
 */
export async function mcpExamples(): Promise<string> {
  await using system = await startSystem(undefined, { TLS: 'off' })
  const { connection } = system
  const { request, identity } = await traffic(connection)
  const client = new Client({ name: 'docs', version: '1' })
  const requestInit = { headers: { authorization: `Bearer ${connection.mcpToken}` } }
  await client.connect(
    new StreamableHTTPClientTransport(new URL(connection.mcpUrl), { requestInit }) as never,
  )
  try {
    const incidents = await client.callTool({ name: 'get_security_incidents', arguments: {} })
    const found = incidents.structuredContent as { incidents: Array<{ id: string; identity: string }> }
    const incident = found.incidents.find(each => each.identity === identity)?.id ?? ''
    const parts = [
      await toolsText(client, callsOf({ request, identity, incident })),
      await resourcesText(client),
      await promptsText(client),
    ]
    return parts.join('\n\n')
  } finally {
    await client.close()
  }
}

interface Known {
  readonly request: string
  readonly identity: string
  readonly incident: string
}

function callsOf({ request, identity, incident }: Known): Record<string, object> {
  const sql = 'select model, count(*) as requests, sum(total_tokens) as tokens from requests group by model'
  return {
    get_gateway_metrics: { windowMinutes: 15 },
    usage_report: { by: 'model', from: '1d' },
    top_identities: { windowMinutes: 60, limit: 3 },
    query_requests: { outcome: 'refused', from: '1h', limit: 3 },
    trace_request: { request },
    identity_timeline: { identity, from: '10m', limit: 5 },
    auth_events: { fact: 'key_created', limit: 3 },
    get_security_incidents: { limit: 3 },
    get_incident: { incident },
    list_throttles: {},
    debug_guard_state: { identity },
    stream_health: {},
    run_read_query: { sql },
    state_at: { at: '1m', limit: 3 },
    what_if_policy: { policy: { rules: { contextFlood: { thresholdTokens: 50_000 } } }, from: '1h' },
    verify_ledger: { from: '1h' },
    acknowledge_incident: { incident, note: 'a colleague calls the customer' },
    close_incident: { incident, reason: 'a loop in their script, repaired', dryRun: true },
    pardon_identity: { identity, reason: 'a loop in their script, repaired', dryRun: true },
    throttle_identity: {
      identity: 'demo.k1',
      capacity: 100,
      refillRate: 5,
      seconds: 600,
      reason: 'floods us',
      dryRun: true,
    },
  }
}

async function toolsText(client: Client, calls: Record<string, object>): Promise<string> {
  const { tools } = await client.listTools()
  const rows = tools.map(({ name, description = '', annotations }) => {
    const kind = annotations?.readOnlyHint ? 'reads' : annotations?.destructiveHint ? 'acts' : 'notes'
    return `| \`${name}\` | ${kind} | ${description.split('. ')[0]}. |`
  })
  const examples: string[] = []
  for (const { name } of tools) {
    const args = calls[name]
    if (!args) throw new Error(`no example call of ${name}`)
    const { content, isError } = await client.callTool({ name, arguments: { ...args } })
    const [first] = content as Array<{ text: string }>
    if (isError) throw new Error(`${name}: ${first?.text}`)
    examples.push(
      `\`${name}\` \`${JSON.stringify(args)}\`\n\n\`\`\`text\n${shortened(first?.text ?? '')}\n\`\`\``,
    )
  }
  return [
    `## Tools\n\n| tool | | what it returns or does |\n|---|---|---|\n${rows.join('\n')}`,
    `## Calls and answers\n\n${examples.join('\n\n')}`,
  ].join('\n\n')
}

async function resourcesText(client: Client): Promise<string> {
  const { resources } = await client.listResources()
  const { resourceTemplates } = await client.listResourceTemplates()
  const fixed = resources
    .filter(({ uri }) => !uri.startsWith('fluxgate://incidents/'))
    .map(({ uri, description }) => `| \`${uri}\` | ${description} |`)
  const templates = resourceTemplates.map(
    ({ uriTemplate, description }) => `| \`${uriTemplate}\` | ${description} |`,
  )
  return `## Resources\n\n| resource | |\n|---|---|\n${[...fixed, ...templates].join('\n')}`
}

async function promptsText(client: Client): Promise<string> {
  const { prompts } = await client.listPrompts()
  const rows = prompts.map(({ name, description, arguments: given = [] }) => {
    const names = given.map(each => `\`${each.name}\`${each.required ? '' : ' (optional)'}`).join(', ')
    return `| \`${name}\` | ${names} | ${description} |`
  })
  return `## Prompts\n\n| prompt | arguments | |\n|---|---|---|\n${rows.join('\n')}`
}

/** Ordinary calls of one user, and a flood by another, until the guard has told of it. */
async function traffic(connection: Connection): Promise<{ request: string; identity: string }> {
  const ordinary = await newKey(connection, 'ann')
  const flooding = await newKey(connection, 'flooder')
  let request = ''
  for (let n = 0; n < 5; n++) {
    const answer = await ask(connection, ordinary.key, 'Say hello.')
    request = answer.headers.get('x-request-id') ?? request
  }
  for (let n = 0; n < FLOOD_CALLS; n++) {
    if ((await ask(connection, flooding.key, 'flood '.repeat(150))).status === 429) break
  }
  // Until the projection has it all.
  await sleep(SETTLE_MS)
  return { request, identity: flooding.identity }
}

async function ask({ publicUrl }: Connection, key: string, content: string): Promise<Response> {
  const body = { model: 'phi4-mini', max_tokens: 20, messages: [{ role: 'user', content }] }
  const answer = await fetch(`${publicUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  await answer.arrayBuffer()
  return answer
}

async function newKey({ adminUrl, adminToken }: Connection, user: string) {
  const answer = await fetch(`${adminUrl}/admin/keys/generate`, {
    method: 'POST',
    headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ user_id: user }),
  })
  const { key, id } = (await answer.json()) as { key: string; id: string }
  return { key, identity: `${user}.${id}` }
}

function shortened(text: string): string {
  const lines = text
    .split('\n')
    .map(line => (line.length > MAX_CHARS ? `${line.slice(0, MAX_CHARS)}…` : line))
  return lines.length > MAX_LINES
    ? [...lines.slice(0, MAX_LINES), `… ${lines.length - MAX_LINES} more lines`].join('\n')
    : lines.join('\n')
}
