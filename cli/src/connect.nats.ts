import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectNats, type LinkLog, type NatsLink } from '@fluxgate/nats'
import { EXIT, UserError } from './user-error.ts'

const NATS_PORT = 4_222

/** Connects within a time. A service waits for its log as long as it takes; a person wants to know that it is away. */
export async function connectInTime(url: string, log: LinkLog, timeoutMs: number): Promise<NatsLink> {
  const servers = url.split(',').map(server => server.trim())
  const answers = await Promise.all(servers.map(server => isListening(server, timeoutMs)))
  if (!answers.includes(true)) {
    throw new UserError(
      EXIT.unreachable,
      `no NATS server answers at ${servers.map(withoutSecrets).join(', ')}`,
    )
  }
  const connecting = connectNats({ url, name: 'forensics' }, log)
  const stop = new AbortController()
  const late = sleep(timeoutMs, undefined, { signal: stop.signal }).then(() => undefined)
  try {
    const link = await Promise.race([connecting, late])
    if (link) return link
  } catch (cause) {
    const reason = (cause as Error).message
    throw new UserError(EXIT.unreachable, `NATS refuses the connection: ${reason}`, { cause })
  } finally {
    stop.abort()
    late.catch(() => {})
  }
  connecting.then(link => link[Symbol.asyncDispose]()).catch(() => {})
  throw new UserError(
    EXIT.unreachable,
    `NATS has not let us in within ${timeoutMs} ms: is the user in NATS_URL right?`,
  )
}

function isListening(server: string, timeoutMs: number): Promise<boolean> {
  const url = parsed(server)
  if (!url) return Promise.resolve(false)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const socket = connect({ host, port: Number(url.port) || NATS_PORT, timeout: timeoutMs })
  return new Promise(resolve => {
    const end = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => end(true))
    socket.once('timeout', () => end(false))
    socket.once('error', () => end(false))
  })
}

function parsed(server: string): URL | null {
  return URL.parse(server.includes('://') ? server : `nats://${server}`)
}

export function withoutSecrets(server: string): string {
  return parsed(server)?.host || server.slice(server.lastIndexOf('@') + 1)
}
