import type { LookupFunction } from 'node:net'
import { readJson } from '@fluxgate/contracts'
import { createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from 'jose'
import { Agent, fetch } from 'undici'

export interface IssuerKeysLimits {
  /** A key that is not in the set has it fetched again, but not more often than this. */
  readonly cooldownMs: number
  /** From this age on the set is fetched again in the background, so that withdrawn keys go. */
  readonly refreshMs: number
  /** How old the set may be while its issuer is away. */
  readonly maxStaleMs: number
  readonly timeoutMs: number
  /** After a fetch that failed there is none for this long. */
  readonly retryMs: number
  readonly maxBytes: number
}

export const DEFAULT_ISSUER_KEYS_LIMITS: IssuerKeysLimits = Object.freeze({
  cooldownMs: 10_000,
  refreshMs: 600_000,
  maxStaleMs: 86_400_000,
  timeoutMs: 5_000,
  retryMs: 5_000,
  maxBytes: 1024 * 1024,
})

export interface IssuerAddress {
  readonly issuer: string
  /** Where its keys are; absent: as its discovery document says. */
  readonly jwksUrl: string | undefined
}

interface IssuerKeysDeps {
  /** Absent: the system's resolver. */
  readonly lookup?: LookupFunction | undefined
  readonly log: { warn(fields: object, message: string): void }
  /** Monotonic milliseconds. */
  readonly nowMs: () => number
}

/** The issuer's keys cannot be had, so nobody can say whether a token is good. */
export class IssuerAway extends Error {
  readonly code = 'FLUXGATE_ISSUER_AWAY'
}

/**
 * The public keys of an issuer (RFC 7517), fetched when they are first needed and then as they change. While the issuer
 * is away those that are known go on being good, up to a day; a flood of tokens causes one fetch in some seconds.
 */
export class IssuerKeys implements AsyncDisposable {
  readonly #address: IssuerAddress
  readonly #deps: IssuerKeysDeps
  readonly #limits: IssuerKeysLimits
  readonly #agent: Agent
  #set: Promise<ReturnType<typeof createRemoteJWKSet>> | undefined
  #fetchedAtMs: number | undefined
  #failed: { readonly retryAtMs: number; readonly error: unknown } | undefined

  constructor(address: IssuerAddress, deps: IssuerKeysDeps, limits: Partial<IssuerKeysLimits> = {}) {
    this.#address = address
    this.#deps = deps
    this.#limits = { ...DEFAULT_ISSUER_KEYS_LIMITS, ...limits }
    const { timeoutMs } = this.#limits
    this.#agent = new Agent({
      connect: { timeout: timeoutMs, ...(deps.lookup ? { lookup: deps.lookup } : {}) },
      allowH2: false,
    })
  }

  /** The key that a token's header names. @throws IssuerAway, or jose's errors when there is none */
  readonly get: JWTVerifyGetKey = async (header, token) => {
    this.#set ??= this.#open()
    const set = await this.#set.catch(error => {
      this.#set = undefined
      throw error
    })
    const ageMs = this.#fetchedAtMs === undefined ? 0 : this.#deps.nowMs() - this.#fetchedAtMs
    const { refreshMs, maxStaleMs } = this.#limits
    if (ageMs >= maxStaleMs) await set.reload()
    // What went wrong is told where it is fetched.
    else if (ageMs >= refreshMs) set.reload().catch(() => {})
    return set(header, token)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy()
  }

  async #open(): Promise<ReturnType<typeof createRemoteJWKSet>> {
    const url = this.#address.jwksUrl ?? (await this.#discover())
    return createRemoteJWKSet(new URL(url), {
      cooldownDuration: this.#limits.cooldownMs,
      // Its age is judged above: jose would refuse every token while a set that is too old cannot be fetched.
      cacheMaxAge: Number.POSITIVE_INFINITY,
      timeoutDuration: this.#limits.timeoutMs,
      [customFetch]: async address => {
        const fetched = await this.#fetch(address, isKeySet)
        this.#fetchedAtMs = this.#deps.nowMs()
        return Response.json(fetched)
      },
    })
  }

  /** OpenID Connect Discovery 1.0, sections 4.1 and 4.3. */
  async #discover(): Promise<string> {
    const { issuer } = this.#address
    const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
    const { jwks_uri } = await this.#fetch(url, (value): value is { issuer: string; jwks_uri: string } => {
      const { issuer: named, jwks_uri: keys } = value as { issuer?: unknown; jwks_uri?: unknown }
      if (named !== issuer || typeof keys !== 'string') return false
      const protocol = URL.parse(keys)?.protocol
      return protocol === 'https:' || (protocol === 'http:' && issuer.startsWith('http:'))
    })
    return jwks_uri
  }

  async #fetch<T extends object>(url: string, isWanted: (value: object) => value is T): Promise<T> {
    const { nowMs, log } = this.#deps
    if (this.#failed && nowMs() < this.#failed.retryAtMs)
      throw new IssuerAway(AWAY, { cause: this.#failed.error })
    try {
      const value = await this.#getJson(url)
      if (!isWanted(value)) throw new Error(`${url} did not answer what an issuer has to`)
      this.#failed = undefined
      return value
    } catch (error) {
      if (!this.#failed)
        log.warn({ err: error, url }, 'keys of the OIDC issuer not fetched; those at hand stay good')
      this.#failed = { retryAtMs: nowMs() + this.#limits.retryMs, error }
      throw new IssuerAway(AWAY, { cause: error })
    }
  }

  async #getJson(url: string): Promise<object> {
    const response = await fetch(url, {
      dispatcher: this.#agent,
      redirect: 'error',
      headers: { accept: 'application/json, application/jwk-set+json' },
      signal: AbortSignal.timeout(this.#limits.timeoutMs),
    })
    const chunks: Uint8Array[] = []
    let bytes = 0
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length
      if (bytes > this.#limits.maxBytes)
        throw new Error(`${url} answered with more than ${this.#limits.maxBytes} bytes`)
      chunks.push(chunk)
    }
    if (response.status !== 200) throw new Error(`${url} answered with status ${response.status}`)
    const read = readJson(Buffer.concat(chunks), { maxSize: this.#limits.maxBytes })
    if (!read.ok) throw new Error(`${url} answered with what is ${read.reason}`)
    if (typeof read.value !== 'object' || read.value === null)
      throw new Error(`${url} answered with no object`)
    return read.value
  }
}

const AWAY = 'the keys of the OIDC issuer cannot be fetched'

function isKeySet(value: object): value is { keys: object[] } {
  const { keys } = value as { keys?: unknown }
  return Array.isArray(keys) && keys.every(key => typeof key === 'object' && key !== null)
}
