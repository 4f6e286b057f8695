import type { Dialect } from '../dialects/index.ts'
import { type Vendor, vendorOfHost } from '../usage/index.ts'
import type { RoutingPolicy } from './routing-policy.ts'

export type DialectName = Dialect['name']

export const DIALECTS: readonly DialectName[] = Object.freeze(['openai', 'anthropic', 'ollama'])

export interface HealthCheck {
  readonly path: string
  readonly intervalMs: number
  readonly timeoutMs: number
  /** Statuses that mean health. */
  readonly expect: readonly number[]
  /** Failed checks in a row after which the upstream is not used; one good check brings it back. */
  readonly failures: number
}

/** One model server, as configured; plain data, so that two can be compared. Its headers hold secrets. */
export interface UpstreamSpec {
  readonly name: string
  readonly origin: string
  /** Path prefix of the upstream's URL, without a slash at its end. */
  readonly prefix: string
  /** Credentials and fixed headers, in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** Names and patterns with `*`; undefined with no aliases: every model. */
  readonly models: readonly string[] | undefined
  /** Public name → the upstream's own name. */
  readonly aliases: Readonly<Record<string, string>>
  readonly dialects: readonly DialectName[]
  /** By whose rule it reports usage; undefined where neither the file nor its host says. */
  readonly vendor: Vendor | undefined
  readonly weight: number
  readonly maxInFlight: number
  readonly connectTimeoutMs: number
  /** To the answer's first byte, of a stream to its first event: a model may think for minutes. */
  readonly firstByteTimeoutMs: number
  /** Between two pieces of an answer. */
  readonly idleTimeoutMs: number
  /** Whether usage is asked of streams whose client did not (`stream_options.include_usage`). */
  readonly askForUsage: boolean
  readonly health: HealthCheck | undefined
}

/** What an upstream that does not say otherwise gets. */
export interface UpstreamDefaults {
  readonly connectTimeoutMs: number
  readonly firstByteTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly maxUpstreamConnections: number
}

/** Everything that decides where a call goes. */
export interface RoutingPlan {
  readonly upstreams: readonly UpstreamSpec[]
  /** Model → models to use in its place, in this order, when it cannot be had. */
  readonly fallbacks: Readonly<Record<string, readonly string[]>>
  readonly policy: RoutingPolicy
}

/** A base URL taken apart. A `/v1` at its end is dropped, because the paths that clients call begin with it. */
export function baseOf(url: URL): Pick<UpstreamSpec, 'origin' | 'prefix'> {
  return { origin: url.origin, prefix: url.pathname.replace(/\/+$/, '').replace(/\/v1$/, '') }
}

/** `user:password@` in a URL as basic credentials (RFC 7617); undefined where there is none. */
export function basicOf(url: URL): string | undefined {
  if (url.username === '' && url.password === '') return undefined
  const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  return `Basic ${Buffer.from(credentials).toString('base64')}`
}

/** The simple form: a base URL that serves every model in every dialect. */
export function specOfUrl(text: string, defaults: UpstreamDefaults): UpstreamSpec {
  const url = new URL(text)
  const basic = basicOf(url)
  return {
    name: url.host,
    ...baseOf(url),
    headers: basic === undefined ? {} : { authorization: basic },
    models: undefined,
    aliases: {},
    dialects: DIALECTS,
    vendor: vendorOfHost(url.hostname),
    weight: 1,
    maxInFlight: defaults.maxUpstreamConnections,
    connectTimeoutMs: defaults.connectTimeoutMs,
    firstByteTimeoutMs: defaults.firstByteTimeoutMs,
    idleTimeoutMs: defaults.idleTimeoutMs,
    askForUsage: true,
    health: undefined,
  }
}

/** The upstreams of a file and the simple ones beside them; a name that is taken gets a number. */
export function withSimpleUpstreams(plan: RoutingPlan, simple: readonly UpstreamSpec[]): RoutingPlan {
  const taken = new Set(plan.upstreams.map(({ name }) => name))
  const added = simple.map(spec => {
    let { name } = spec
    for (let n = 2; taken.has(name); n++) name = `${spec.name}#${n}`
    taken.add(name)
    return name === spec.name ? spec : { ...spec, name }
  })
  return { ...plan, upstreams: [...plan.upstreams, ...added] }
}
