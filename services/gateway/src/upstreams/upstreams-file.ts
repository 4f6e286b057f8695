import { readJson } from '@fluxgate/contracts'
import Type, { type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { VENDORS, vendorOfHost } from '../usage/index.ts'
import { matches } from './model-names.ts'
import { CircuitPolicy, DEFAULT_POLICY, QueuePolicy, RetryPolicy } from './routing-policy.ts'
import { schemaErrors } from './schema-errors.ts'
import {
  baseOf,
  basicOf,
  DIALECTS,
  type HealthCheck,
  type RoutingPlan,
  type UpstreamDefaults,
  type UpstreamSpec,
} from './upstream-spec.ts'

const STRICT = { additionalProperties: false } as const
const ModelName = Type.String({ minLength: 1, maxLength: 256 })
const HeaderValue = Type.String({ maxLength: 8_192 })
const Ms = (maximum: number) => Type.Integer({ minimum: 1, maximum })

/** One upstream in `UPSTREAMS_FILE`. Text in `url` and in header values may hold `${env:NAME}`. */
const UpstreamEntry = Type.Object(
  {
    name: Type.String({ pattern: '^[A-Za-z0-9._:-]{1,64}$' }),
    url: Type.String({ minLength: 1, maxLength: 2_048 }),
    credentials: Type.Optional(
      Type.Object({ header: Type.String({ minLength: 1, maxLength: 64 }), value: HeaderValue }, STRICT),
    ),
    headers: Type.Optional(Type.Record(Type.String(), HeaderValue)),
    models: Type.Optional(Type.Array(ModelName, { maxItems: 10_000 })),
    aliases: Type.Optional(Type.Record(Type.String(), ModelName)),
    dialects: Type.Optional(Type.Array(Type.Enum(['openai', 'anthropic', 'ollama']), { minItems: 1 })),
    vendor: Type.Optional(Type.Enum([...VENDORS])),
    weight: Type.Optional(Type.Number({ minimum: 0.001, maximum: 1_000 })),
    maxInFlight: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000 })),
    timeouts: Type.Optional(
      Type.Object(
        {
          connectMs: Type.Optional(Ms(600_000)),
          firstByteMs: Type.Optional(Ms(3_600_000)),
          idleMs: Type.Optional(Ms(3_600_000)),
        },
        STRICT,
      ),
    ),
    askForUsage: Type.Optional(Type.Boolean()),
    health: Type.Optional(
      Type.Object(
        {
          path: Type.String({ pattern: '^/[!-~]{0,1023}$' }),
          intervalMs: Type.Optional(Type.Integer({ minimum: 50, maximum: 3_600_000 })),
          timeoutMs: Type.Optional(Ms(600_000)),
          expect: Type.Optional(
            Type.Array(Type.Integer({ minimum: 200, maximum: 599 }), { minItems: 1, maxItems: 32 }),
          ),
          failures: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
        },
        STRICT,
      ),
    ),
  },
  STRICT,
)
type UpstreamEntry = Static<typeof UpstreamEntry>

/** `UPSTREAMS_FILE`. */
const UpstreamsFile = Type.Object(
  {
    $schema: Type.Optional(Type.String()),
    upstreams: Type.Array(UpstreamEntry, { maxItems: 1_000 }),
    fallbacks: Type.Optional(Type.Record(Type.String(), Type.Array(ModelName, { minItems: 1, maxItems: 3 }))),
    retry: Type.Optional(Type.Partial(RetryPolicy, STRICT)),
    circuit: Type.Optional(Type.Partial(CircuitPolicy, STRICT)),
    queue: Type.Optional(Type.Partial(QueuePolicy, STRICT)),
  },
  STRICT,
)
const validator = Compile(UpstreamsFile)

/** A variable of the environment, or undefined when it is not set. */
export type EnvLookup = (name: string) => string | undefined

export type ParsedFile =
  | { readonly ok: true; readonly plan: RoutingPlan }
  | { readonly ok: false; readonly faults: readonly string[] }

const MAX_FILE_CHARS = 16 * 1024 * 1024

/** The text of `UPSTREAMS_FILE` → a plan, or every fault in it with its place. No fault shows a secret. */
export function parseUpstreamsFile(text: string, env: EnvLookup, defaults: UpstreamDefaults): ParsedFile {
  const read = readJson(text, { maxSize: MAX_FILE_CHARS })
  // The parser's own words may quote the file, and so a password in it.
  if (!read.ok)
    return { ok: false, faults: [read.reason === 'not JSON' ? `not JSON${positionIn(text)}` : read.reason] }
  const { value } = read
  if (!validator.Check(value)) return { ok: false, faults: schemaErrors([...validator.Errors(value)]) }
  const faults: string[] = []
  const upstreams = value.upstreams.map((entry, index) => {
    const at = `upstreams[${index}]`
    const twin = value.upstreams.findIndex(({ name }) => name === entry.name)
    if (twin !== index) faults.push(`${at}.name "${entry.name}" is upstreams[${twin}]'s already`)
    return specOf(entry, defaults, new Reading(at, env, faults))
  })
  const plan: RoutingPlan = {
    upstreams,
    fallbacks: value.fallbacks ?? {},
    policy: {
      retry: { ...DEFAULT_POLICY.retry, ...value.retry },
      circuit: { ...DEFAULT_POLICY.circuit, ...value.circuit },
      queue: { ...DEFAULT_POLICY.queue, ...value.queue },
    },
  }
  for (const model in plan.fallbacks) {
    const name = JSON.stringify(model)
    if (plan.fallbacks[model]!.some(fallback => fallback.includes('*')))
      faults.push(`fallbacks[${name}] must name models, without "*"`)
    if (plan.fallbacks[model]!.includes(model)) faults.push(`fallbacks[${name}] names the model itself`)
  }
  return faults.length > 0 ? { ok: false, faults } : { ok: true, plan }
}

/** Where one entry is read: its place, for faults, and the environment for its references. */
class Reading {
  readonly at: string
  readonly #env: EnvLookup
  readonly #faults: string[]

  constructor(at: string, env: EnvLookup, faults: string[]) {
    this.at = at
    this.#env = env
    this.#faults = faults
  }

  fault(slot: string, words: string): void {
    this.#faults.push(`${this.at}${slot} ${words}`)
  }

  /** The text with each `${env:NAME}` replaced by the variable's value. */
  resolve(slot: string, text: string): string {
    return text.replace(/\$\{([^}]*)\}/g, (_whole, reference: string) => {
      const name = /^env:([A-Za-z_][A-Za-z0-9_]*)$/.exec(reference)?.[1]
      if (name === undefined) {
        this.fault(slot, `has a reference that is not of the form \${env:NAME}: \${${reference}}`)
        return ''
      }
      const value = this.#env(name)
      if (value === undefined) this.fault(slot, `needs the environment variable ${name}, which is not set`)
      return value ?? ''
    })
  }
}

function specOf(entry: UpstreamEntry, defaults: UpstreamDefaults, reading: Reading): UpstreamSpec {
  const url = urlOf(entry.url, reading)
  const headers = headersOf(entry, basicOf(url), reading)
  const { timeouts = {}, models, aliases = {} } = entry
  for (const name in aliases) {
    if (name === '' || name.length > 256 || name.includes('*'))
      reading.fault(`.aliases[${JSON.stringify(name)}]`, 'must be a model name without "*"')
    if (models?.some(pattern => !pattern.includes('*') && matches(pattern, name)))
      reading.fault(`.aliases[${JSON.stringify(name)}]`, 'is in "models" too')
  }
  return {
    name: entry.name,
    ...baseOf(url),
    headers,
    models,
    aliases,
    dialects: entry.dialects ?? DIALECTS,
    vendor: entry.vendor ?? vendorOfHost(url.hostname),
    weight: entry.weight ?? 1,
    maxInFlight: entry.maxInFlight ?? defaults.maxUpstreamConnections,
    connectTimeoutMs: timeouts.connectMs ?? defaults.connectTimeoutMs,
    firstByteTimeoutMs: timeouts.firstByteMs ?? defaults.firstByteTimeoutMs,
    idleTimeoutMs: timeouts.idleMs ?? defaults.idleTimeoutMs,
    askForUsage: entry.askForUsage ?? true,
    health: entry.health && healthOf(entry.health),
  }
}

function healthOf(entry: NonNullable<UpstreamEntry['health']>): HealthCheck {
  return {
    path: entry.path,
    intervalMs: entry.intervalMs ?? 10_000,
    timeoutMs: entry.timeoutMs ?? 5_000,
    expect: entry.expect ?? [200],
    failures: entry.failures ?? 2,
  }
}

const PLACEHOLDER_URL = 'http://invalid.invalid'

function urlOf(text: string, reading: Reading): URL {
  const url = URL.parse(reading.resolve('.url', text))
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    reading.fault('.url', 'must be a URL with http:// or https://')
    return new URL(PLACEHOLDER_URL)
  }
  if (url.search !== '' || url.hash !== '') reading.fault('.url', 'must have no query and no fragment')
  return url
}

/** Field names (RFC 9110 section 5.1). */
const TOKEN = /^[a-z0-9!#$%&'*+.^_`|~-]+$/
/** Field values (RFC 9110 section 5.5) of visible ASCII, spaces and tabs. */
const VALUE = /^[\t\x20-\x7e]*$/
/** Set by the connection or by the gateway, never by a file. */
const RESERVED = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'upgrade',
  'te',
  'trailer',
  'expect',
  'accept-encoding',
  'content-type',
  'x-request-id',
])

function headersOf(
  { credentials, headers = {} }: UpstreamEntry,
  basic: string | undefined,
  reading: Reading,
): Record<string, string> {
  const found: Record<string, string> = {}
  const put = (slot: string, name: string, value: string) => {
    const lower = name.toLowerCase()
    if (!TOKEN.test(lower)) reading.fault(slot, 'is not a header name')
    else if (RESERVED.has(lower)) reading.fault(slot, `may not set ${lower}`)
    else if (lower in found) reading.fault(slot, `sets ${lower} a second time`)
    else if (!VALUE.test(value)) reading.fault(slot, 'has a value that no header can hold')
    else found[lower] = value
  }
  if (basic !== undefined) put('.url', 'authorization', basic)
  if (credentials) {
    put('.credentials', credentials.header, reading.resolve('.credentials.value', credentials.value))
  }
  for (const [name, value] of Object.entries(headers)) {
    const slot = `.headers[${JSON.stringify(name)}]`
    put(slot, name, reading.resolve(slot, value))
  }
  return found
}

/** Line and column of a syntax error: behind the longest part of the text that could still become JSON. */
function positionIn(text: string): string {
  let good = 0
  let bad = text.length + 1
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2)
    if (couldBecomeJson(text.slice(0, middle))) good = middle
    else bad = middle
  }
  if (good === text.length) return ': it ends too early'
  const before = text.slice(0, good).split('\n')
  return ` at line ${before.length}, column ${before.at(-1)!.length + 1}`
}

function couldBecomeJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch (error) {
    const { message } = error as Error
    const position = /at position (\d+)/.exec(message)?.[1]
    return /^(Unexpected end|Unterminated string)/.test(message) || Number(position) === text.length
  }
}
