import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort, SESSION_KEYS } from '@fluxgate/testing'
import { type Process, startProcess } from './process.ts'

const TOKEN = 'admin-token-of-the-bench'
const SERVICE = join(import.meta.dirname, '../../../services/gateway/src/main.ts')

export interface GatewayProcess extends AsyncDisposable {
  readonly process: Process
  readonly url: string
  readonly port: number
  readonly key: string
  /** Of a call that no limit stands in the way of. */
  readonly headers: Readonly<Record<string, string>>
  readonly dataDir: string
  /** Asks the admin face. */
  order(method: string, path: string, body?: object): Promise<Response>
  metric(name: string): Promise<number>
}

export interface GatewaySettings {
  readonly node: string
  /** In which the node gets a directory of its own. */
  readonly directory: string
  /** A port that other nodes listen on too; by default one of its own. */
  readonly sharedPort?: number
  readonly flags?: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** A gateway node with a key that no limit stands in the way of. */
export async function startGatewayProcess(settings: GatewaySettings): Promise<GatewayProcess> {
  await using stack = new AsyncDisposableStack()
  const dataDir = await mkdtemp(join(settings.directory, 'fluxgate-bench-'))
  stack.defer(() => rm(dataDir, { recursive: true, force: true }))
  const { sharedPort } = settings
  const [publicPort, adminPort] = [sharedPort ?? (await freePort()), await freePort()]
  const args = ['--disable-warning=ExperimentalWarning', ...(settings.flags ?? []), SERVICE]
  const child = stack.use(
    // That a shared port takes connections tells nothing of this node.
    await startProcess(process.execPath, args, sharedPort === undefined ? publicPort : adminPort, {
      NODE_ID: settings.node,
      SESSION_PRIVATE_KEY: SESSION_KEYS.privateKey,
      ADMIN_TOKEN: TOKEN,
      PUBLIC_HOST: '127.0.0.1',
      PUBLIC_PORT: String(publicPort),
      ADMIN_PORT: String(adminPort),
      TLS: 'off',
      LOG_LEVEL: 'error',
      // A busy machine is no reason to refuse a call here.
      MAX_LOOP_DELAY: '0',
      REUSE_PORT: sharedPort === undefined ? 'off' : 'on',
      FLUXGATE_DATA_DIR: dataDir,
      ...settings.env,
    }),
  )
  const order = (method: string, path: string, body?: object) =>
    fetch(`http://127.0.0.1:${adminPort}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${TOKEN}`,
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
  const made = async (path: string, body: object) => {
    const response = await order('POST', path, body)
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return (await response.json()) as { key: string; id: string }
  }
  const { key, id } = await made('/admin/keys/generate', { user_id: settings.node })
  await made('/admin/rate_limit', {
    identifier: `${settings.node}.${id}`,
    capacity: 1e12,
    refill_rate: 1e9,
    requests_per_minute: 1e12,
    concurrent_streams: 1e12,
  })
  const owned = stack.move()
  return {
    process: child,
    port: publicPort,
    key,
    dataDir,
    order,
    url: `${settings.env.TLS === 'on' ? 'https' : 'http'}://127.0.0.1:${publicPort}/v1/chat/completions`,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    async metric(name) {
      const response = await order('GET', '/metrics')
      return Number(new RegExp(`^${name}\\{.*\\} (.*)$`, 'm').exec(await response.text())?.[1])
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
