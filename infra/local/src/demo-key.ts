import { createHash } from 'node:crypto'
import { findKeyByHash, openDatabase } from '@fluxgate/read-model'
import type { Connection } from './connection.ts'
import { type Secrets, saveSecrets } from './secrets.ts'

const DEMO_USER = 'demo'
const LIMIT_MS = 10_000

/** The key of the last run while it is good, else a new one, kept for the next run. */
export async function demoKey(connection: Connection, secrets: Secrets): Promise<string> {
  const retained = secrets.demoKey
  if (retained !== undefined && (await isGood(connection.databaseUrl, retained))) return retained
  const key = await generateKey(connection.adminUrl, connection.adminToken)
  await saveSecrets(connection.dataDir, { ...secrets, demoKey: key })
  return key
}

/** Looked up rather than tried: a try would be a request in the log. */
async function isGood(databaseUrl: string, key: string): Promise<boolean> {
  await using db = openDatabase(databaseUrl, { max: 1, applicationName: 'start' })
  const found = await findKeyByHash(db, createHash('sha256').update(key).digest())
  const isOver = found?.expiresAt != null && found.expiresAt < Date.now()
  return found !== undefined && found.revokedAt === null && found.disabledAt === null && !isOver
}

/** The admin face shows a key in this answer only. */
async function generateKey(adminUrl: string, adminToken: string): Promise<string> {
  const reply = await fetch(new URL('/admin/keys/generate', adminUrl), {
    method: 'POST',
    headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ user_id: DEMO_USER }),
    signal: AbortSignal.timeout(LIMIT_MS),
  })
  if (reply.status !== 201) {
    throw new Error(`the gateway made no key for ${DEMO_USER}: ${reply.status} ${await reply.text()}`)
  }
  return ((await reply.json()) as { key: string }).key
}
