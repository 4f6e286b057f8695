import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { readJson } from '@fluxgate/contracts'
import { done, type ErrorCode, type Outcome, refused } from '../http/index.ts'

/** The gateways' admin faces. */
export interface GatewayAdmin {
  /** False without a token: then nothing of it can be asked. */
  readonly isOpen: boolean
  /** Where each gateway's admin face is: one URL for every address that the configured names have now. */
  everywhere(): Promise<readonly string[]>
  /** Asks one gateway. */
  ask<T>(url: string, path: string): Promise<Outcome<T>>
  /** Asks the first gateway that answers. */
  read<T>(path: string): Promise<Outcome<T>>
  /**
   * Orders it of the first gateway that can be reached; an order that may have arrived is not given to another.
   * @param actor who orders it; the gateway's events name them
   */
  order<T>(actor: string, method: 'POST' | 'DELETE', path: string, body?: object): Promise<Outcome<T>>
}

export interface AdminSettings {
  readonly urls: readonly string[]
  readonly token: string | undefined
  readonly timeoutMs: number
}

const CLOSED = 'ADMIN_TOKEN_DASHBOARD is not set: the gateways cannot be queried.'
const AWAY = 'No gateway responds on its admin port.'
const LATE = 'The gateway has not confirmed it in time. Look again before you repeat it.'
/** Nothing was sent: the next gateway may be asked instead. */
const NOT_SENT = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|UND_ERR_CONNECT_TIMEOUT)$/
const CODES: Readonly<Record<number, ErrorCode>> = {
  400: 'invalid',
  401: 'bad_gateway',
  404: 'not_found',
  409: 'conflict',
  422: 'invalid',
  429: 'too_many',
}

interface Order {
  readonly actor: string
  readonly body: object | undefined
}

interface Answer<T> {
  readonly outcome: Outcome<T>
  /** The request may have reached the gateway. */
  readonly sent: boolean
}

export function openGatewayAdmin({ urls, token, timeoutMs }: AdminSettings): GatewayAdmin {
  async function call<T>(base: string, method: string, path: string, order?: Order): Promise<Answer<T>> {
    const { actor, body } = order ?? {}
    if (token === undefined) return { outcome: refused('unavailable', CLOSED), sent: true }
    try {
      const response = await fetch(base + path, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(actor !== undefined && { 'x-fluxgate-actor': actor }),
          ...(body && { 'content-type': 'application/json' }),
        },
        ...(body && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(timeoutMs),
      })
      return { outcome: await outcomeOf<T>(response), sent: true }
    } catch (error) {
      const code = ((error as Error).cause as { code?: string } | undefined)?.code ?? ''
      const sent = !NOT_SENT.test(code)
      return { outcome: refused('unavailable', sent && method !== 'GET' ? LATE : AWAY), sent }
    }
  }

  async function first<T>(method: string, path: string, order?: Order): Promise<Outcome<T>> {
    let last: Outcome<T> = refused('unavailable', AWAY)
    for (const base of urls) {
      const { outcome, sent } = await call<T>(base, method, path, order)
      if (outcome.ok || (sent && method !== 'GET')) return outcome
      last = outcome
    }
    return last
  }

  return {
    isOpen: token !== undefined,
    everywhere: async () => [...new Set((await Promise.all(urls.map(addressesOf))).flat())],
    ask: async (url, path) => (await call(url, 'GET', path)).outcome as never,
    read: path => first('GET', path),
    order: (actor, method, path, body) => first(method, path, { actor, body }),
  }
}

/** A name may env for several gateways, as that of a headless service does. */
async function addressesOf(base: string): Promise<string[]> {
  const url = new URL(base)
  if (url.protocol !== 'http:' || isIP(url.hostname.replace(/^\[|\]$/g, '')) !== 0) return [base]
  try {
    const found = await lookup(url.hostname, { all: true })
    const wanted = found.filter(({ family }) => family === found[0]?.family)
    return wanted.map(({ address, family }) => {
      const host = family === 6 ? `[${address}]` : address
      return `http://${host}${url.port === '' ? '' : `:${url.port}`}`
    })
  } catch {
    return [base]
  }
}

const MAX_ANSWER_CHARS = 64 * 1024 * 1024

async function outcomeOf<T>(response: Response): Promise<Outcome<T>> {
  const text = await response.text()
  const read = text === '' ? undefined : readJson(text, { maxSize: MAX_ANSWER_CHARS })
  if (read && !read.ok) return refused('bad_gateway', 'The gateway sent a response that cannot be parsed.')
  const body = read?.value as { error?: { message?: string } } | null | undefined
  if (response.ok) return done(body as T)
  const message = body?.error?.message ?? `The gateway answered ${response.status}.`
  return refused(CODES[response.status] ?? 'unavailable', message)
}
