import { readFile } from 'node:fs/promises'
import { get as getHttp } from 'node:http'
import { get as getHttps } from 'node:https'

const LIMIT_MS = 5_000

interface GeneratedKey {
  readonly key: string
}

/** Asks the gateway's admin face for a key; the key is shown in this answer only. */
export async function generateKey(adminUrl: string, adminToken: string, userId: string): Promise<string> {
  const reply = await fetch(new URL('/admin/keys/generate', adminUrl), {
    method: 'POST',
    headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ user_id: userId }),
    signal: AbortSignal.timeout(LIMIT_MS),
  })
  if (reply.status !== 201) {
    throw new Error(`the gateway made no key for ${userId}: ${reply.status} ${await reply.text()}`)
  }
  return ((await reply.json()) as GeneratedKey).key
}

/** False only when the gateway says that it does not know the key. */
export async function acceptsKey(
  publicUrl: string,
  key: string,
  certPath: string | undefined,
): Promise<boolean> {
  const ca = certPath === undefined ? undefined : await readFile(certPath)
  const get = publicUrl.startsWith('https:') ? getHttps : getHttp
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const options = { headers: { authorization: `Bearer ${key}` }, timeout: LIMIT_MS, agent: false }
    const request = get(
      new URL('/v1/models', publicUrl),
      { ...options, ...(ca ? { ca } : undefined) },
      reply => {
        reply.resume()
        resolve(reply.statusCode)
      },
    )
    request.on('error', reject)
    request.on('timeout', () => request.destroy(new Error(`no answer within ${LIMIT_MS} ms`)))
  })
  return status !== 401
}
