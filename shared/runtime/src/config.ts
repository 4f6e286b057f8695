import { isIP } from 'node:net'
import type { StatusAddress } from './status.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** Configuration faults, one line each, found before any port is bound. */
export class ConfigError extends Error {
  readonly code = 'FLUXGATE_CONFIG'
  readonly faults: readonly string[]
  constructor(faults: readonly string[]) {
    super(faults.join('\n'))
    this.name = 'ConfigError'
    this.faults = faults
  }
}

/** A longer timer of Node's would end at once. */
const MAX_TIMER_MS = 2 ** 31 - 1

interface Bounds {
  min?: number
  max?: number
}

/** Reads typed values from an environment and remembers each fault, so that all of them are told at once. */
export class EnvReader {
  readonly faults: string[] = []
  readonly #env: Environment

  constructor(env: Environment) {
    this.#env = env
  }

  /** An empty variable counts as unset. */
  optional(name: string): string | undefined {
    const value = this.#env[name]?.trim()
    return value === '' ? undefined : value
  }

  text(name: string, fallback?: string): string {
    const value = this.optional(name) ?? fallback
    return value ?? this.#fault(`${name} is missing`, '')
  }

  /** A secret of at least `minBytes` bytes of UTF-8; never echoed. */
  secret(name: string, minBytes: number): string {
    const value = this.text(name)
    if (value !== '' && Buffer.byteLength(value) < minBytes) {
      return this.#fault(
        `${name} is too short: ${Buffer.byteLength(value)} bytes, at least ${minBytes} needed`,
        '',
      )
    }
    return value
  }

  integer(name: string, fallback: number, { min = 0, max = Number.MAX_SAFE_INTEGER }: Bounds = {}): number {
    const value = this.number(name, fallback, { min, max })
    return Number.isInteger(value) ? value : this.#fault(`${name} must be a whole number`, fallback)
  }

  number(name: string, fallback: number, { min = 0, max = Number.MAX_SAFE_INTEGER }: Bounds = {}): number {
    const text = this.optional(name)
    const value = text === undefined ? fallback : Number(text)
    if (Number.isFinite(value) && value >= min && value <= max) return value
    return this.#fault(`${name}=${quoted(text)} must be a number from ${min} to ${max}`, fallback)
  }

  /** A TCP port; 0 asks the system for a free one. */
  port(name: string, fallback: number): number {
    return this.integer(name, fallback, { min: 0, max: 65_535 })
  }

  /** Seconds with an optional unit: `2`, `2s`, `500ms`, `5m`, `1h`. Returns milliseconds. */
  durationMs(name: string, fallbackMs: number): number {
    const text = this.optional(name)
    if (text === undefined) return fallbackMs
    const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text)
    if (!match)
      return this.#fault(`${name}=${quoted(text)} must be a duration such as 500ms, 2s, 5m or 1h`, fallbackMs)
    const unit = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[match[2] ?? 's'] ?? 1_000
    const ms = Math.round(Number(match[1]) * unit)
    return ms <= MAX_TIMER_MS
      ? ms
      : this.#fault(`${name}=${quoted(text)} must be less than 25 days`, fallbackMs)
  }

  /** Bytes with an optional unit, by 1,000 or by 1,024: `4096`, `500MB`, `8GiB`. Undefined when it is unset. */
  bytes(name: string, { min = 0, max = Number.MAX_SAFE_INTEGER }: Bounds = {}): number | undefined {
    const text = this.optional(name)
    if (text === undefined) return undefined
    const [, digits, prefix, binary] = /^(\d+(?:\.\d+)?) ?(?:([KMGT])(i)?)?B?$/i.exec(text) ?? []
    const power = prefix === undefined ? 0 : 'KMGT'.indexOf(prefix.toUpperCase()) + 1
    const value = Math.round(Number(digits) * (binary === undefined ? 1_000 : 1_024) ** power)
    if (value >= min && value <= max) return value
    const range = min > 0 ? `, at least ${min}` : ''
    return this.#fault(`${name}=${quoted(text)} must be a size such as 500MB or 8GiB${range}`, undefined)
  }

  oneOf<const T extends string>(name: string, values: readonly T[], fallback: T): T {
    const text = this.optional(name) ?? fallback
    const found = values.find(v => v === text)
    return found ?? this.#fault(`${name}=${quoted(text)} must be one of ${values.join(', ')}`, fallback)
  }

  /** One URL with one of the given protocols (`['http:', 'https:']`), kept as written. */
  url(name: string, protocols: readonly string[], fallback?: string): string {
    return this.#checkUrl(name, this.text(name, fallback), protocols)
  }

  /** A comma-separated list of URLs; unset is an empty list. */
  urls(name: string, protocols: readonly string[]): string[] {
    return this.list(name).map(url => this.#checkUrl(name, url, protocols))
  }

  list(name: string): string[] {
    return (this.optional(name) ?? '')
      .split(',')
      .map(part => part.trim())
      .filter(part => part !== '')
  }

  fault(message: string): void {
    this.faults.push(message)
  }

  #checkUrl(name: string, text: string, protocols: readonly string[]): string {
    if (text === '') return text
    const protocol = URL.parse(text)?.protocol
    if (protocol !== undefined && protocols.includes(protocol)) return text
    return this.#fault(`${name}=${quoted(text)} must be a URL with ${protocols.join(' or ')}//`, text)
  }

  #fault<T>(message: string, fallback: T): T {
    this.faults.push(message)
    return fallback
  }
}

/** Builds a configuration with `read`; throws one {@link ConfigError} that holds every fault. */
export function readConfig<T>(env: Environment, read: (env: EnvReader) => T): T {
  const reader = new EnvReader(env)
  const config = read(reader)
  if (reader.faults.length > 0) throw new ConfigError(reader.faults)
  return config
}

/** What the streams may take; absent: whatever they have, or the defaults where there are none yet. */
export interface LogStorage {
  readonly replicas: 1 | 3 | undefined
  /** On each server, for all streams together. */
  readonly storageBytes: number | undefined
}

const MIN_STORAGE_BYTES = 64 * 1024 ** 2

/** The one reading of `NATS_REPLICAS` and `NATS_STORAGE`, for every service that makes the streams. */
export function readLogStorage(env: EnvReader): LogStorage {
  const replicas = env.optional('NATS_REPLICAS')
  if (replicas !== undefined) env.oneOf('NATS_REPLICAS', ['1', '3'], '1')
  return {
    replicas: replicas === undefined ? undefined : replicas === '3' ? 3 : 1,
    storageBytes: env.bytes('NATS_STORAGE', { min: MIN_STORAGE_BYTES }),
  }
}

const DAY_MS = 86_400_000

/** The one reading of `RETENTION_DAYS`: how long the projection keeps rows of requests, in milliseconds. */
export function readRetentionMs(env: EnvReader): number {
  return env.integer('RETENTION_DAYS', 30, { min: 1, max: 3_660 }) * DAY_MS
}

/** The one reading of `LLM_MODEL`: the local model that writes reports. */
export function readModelName(env: EnvReader): string {
  return env.text('LLM_MODEL', 'phi4-mini')
}

/** The one reading of `OLLAMA_URL`: where the local model is served. */
export function readOllamaUrl(env: EnvReader): string {
  return env.url('OLLAMA_URL', ['http:', 'https:'], 'http://127.0.0.1:11434')
}

/** Addresses, networks, and the names `loopback`, `linklocal` and `uniquelocal`, of proxies whose `X-Forwarded-For` is believed. */
export function readProxies(env: EnvReader, name: string): string[] {
  const given = env.list(name)
  for (const entry of given) {
    const [address = '', bits] = entry.split('/')
    const isNamed = ['loopback', 'linklocal', 'uniquelocal'].includes(entry)
    if (!isNamed && (isIP(address) === 0 || (bits !== undefined && !/^\d{1,3}$/.test(bits)))) {
      env.fault(`${name}: ${JSON.stringify(entry)} is no address, network or "loopback"`)
    }
  }
  return given
}

/** The one reading of `METRICS_HOST` and `METRICS_PORT`; without a port nothing is served. */
export function readStatusAddress(env: EnvReader): StatusAddress {
  return {
    host: env.text('METRICS_HOST', '127.0.0.1'),
    port: env.optional('METRICS_PORT') === undefined ? undefined : env.port('METRICS_PORT', 0),
  }
}

function quoted(text: string | undefined): string {
  // A URL may hold a password; show it masked.
  return JSON.stringify((text ?? '').replace(/\/\/([^:/@]+):[^@/]+@/, '//$1:***@').slice(0, 120))
}
