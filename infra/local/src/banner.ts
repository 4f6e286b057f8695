import { relative } from 'node:path'
import type { Connection } from './connection.ts'

/** The block that `npm start` ends with: where everything is, how to get in, a line to paste. */
export function banner(
  connection: Connection,
  models: { words: string; model: string },
  directory: string,
): string[] {
  const { publicUrl, adminUrl, mcpUrl, dashboardUrl, apiKey = '' } = connection
  const rows: [string, string][] = [
    ['Gateway', `${publicUrl}  (OpenAI: /v1, Ollama: /api, DNS: /dns-query, portal: /portal)`],
    ['Dashboard', dashboardUrl],
    ['MCP', mcpUrl],
    ['Admin', `${adminUrl}  (bearer token in ${shown(connection.dataDir, directory)}/secrets.json)`],
    ['Operator', `${connection.operatorEmail}  ${connection.operatorPassword}`],
    ['API key', apiKey],
    ...registrationRow(connection.registration),
    ['Models', models.words],
  ]
  return [
    '',
    'Fluxgate is running.',
    '',
    ...rows.map(([name, value]) => `  ${name.padEnd(10)} ${value}`),
    '',
    'Try it:',
    '',
    `  ${curlLine(connection, models.model, directory)}`,
    '',
    'Add a gateway: npm run gateway   Read the log: npm run forensics   Stop: Ctrl-C',
    '',
  ]
}

/** What somebody who runs the demo on a network should know. */
function registrationRow(registration: string): [string, string][] {
  if (registration !== 'open') return []
  return [['Accounts', 'anybody who reaches the gateway may register (REGISTRATION=invite closes it)']]
}

/** One line, so that it can be pasted whole. */
export function curlLine(connection: Connection, model: string, directory: string): string {
  const { publicUrl, tlsCertPath, apiKey } = connection
  const trust = tlsCertPath
    ? `--cacert ${quoted(shown(tlsCertPath, directory))} `
    : publicUrl.startsWith('https:')
      ? '-k '
      : ''
  const body = { model, stream: true, messages: [{ role: 'user', content: 'Say hello.' }] }
  return (
    `curl -N ${trust}${publicUrl}/v1/chat/completions -H "Authorization: Bearer ${apiKey}" ` +
    `-H "Content-Type: application/json" -d '${JSON.stringify(body)}'`
  )
}

/** Relative where that is shorter. */
function shown(path: string, directory: string): string {
  const near = relative(directory, path)
  return near.startsWith('..') ? path : near
}

function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `"${path}"`
}
