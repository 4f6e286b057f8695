import type { EnvReader } from '@fluxgate/runtime'

const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const

export type TracingConfig = NonNullable<ReturnType<typeof readTracingConfig>>

/**
 * The standard variables of OpenTelemetry (specification: SDK environment variables, OTLP exporter). Without an endpoint,
 * with `OTEL_SDK_DISABLED=true` or with `OTEL_TRACES_EXPORTER=none`, nothing is traced.
 */
export function readTracingConfig(env: EnvReader, node: string) {
  const url = tracesUrl(env)
  const isOff = env.optional('OTEL_SDK_DISABLED')?.toLowerCase() === 'true'
  if (url === undefined || isOff || env.oneOf('OTEL_TRACES_EXPORTER', ['otlp', 'none'], 'otlp') === 'none') {
    return undefined
  }
  const sampler = env.oneOf('OTEL_TRACES_SAMPLER', SAMPLERS, 'parentbased_always_on')
  const maxQueued = env.integer('OTEL_BSP_MAX_QUEUE_SIZE', 2_048, { min: 1, max: 1_000_000 })
  return {
    url,
    headers: {
      ...pairs(env, 'OTEL_EXPORTER_OTLP_HEADERS'),
      ...pairs(env, 'OTEL_EXPORTER_OTLP_TRACES_HEADERS'),
    },
    isCompressed: ofTraces(env, 'COMPRESSION') === 'gzip',
    timeoutMs: env.integer(
      'OTEL_EXPORTER_OTLP_TRACES_TIMEOUT',
      env.integer('OTEL_EXPORTER_OTLP_TIMEOUT', 10_000),
    ),
    protocol: ofTraces(env, 'PROTOCOL') ?? 'http/json',
    resource: {
      'service.name': 'fluxgate-gateway',
      'service.instance.id': node,
      ...pairs(env, 'OTEL_RESOURCE_ATTRIBUTES'),
      ...optionally('service.name', env.optional('OTEL_SERVICE_NAME')),
    },
    followsParent: sampler.startsWith('parentbased_'),
    ratio: sampler.endsWith('always_off')
      ? 0
      : sampler.endsWith('always_on')
        ? 1
        : env.number('OTEL_TRACES_SAMPLER_ARG', 1, { min: 0, max: 1 }),
    maxQueued,
    maxBatch: env.integer('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', Math.min(512, maxQueued), {
      min: 1,
      max: maxQueued,
    }),
    delayMs: env.integer('OTEL_BSP_SCHEDULE_DELAY', 5_000, { min: 1 }),
  }
}

function tracesUrl(env: EnvReader): string | undefined {
  const protocols = ['http:', 'https:']
  const given = env.optional('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT')
  if (given !== undefined) return env.url('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', protocols)
  if (env.optional('OTEL_EXPORTER_OTLP_ENDPOINT') === undefined) return undefined
  return `${env.url('OTEL_EXPORTER_OTLP_ENDPOINT', protocols).replace(/\/+$/, '')}/v1/traces`
}

function ofTraces(env: EnvReader, name: string): string | undefined {
  return env.optional(`OTEL_EXPORTER_OTLP_TRACES_${name}`) ?? env.optional(`OTEL_EXPORTER_OTLP_${name}`)
}

/** `key=value,key=value` with percent-encoded values (W3C Baggage without properties). Never echoed: it may hold keys. */
function pairs(env: EnvReader, name: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const entry of env.list(name)) {
    const at = entry.indexOf('=')
    const key = entry.slice(0, Math.max(at, 0)).trim()
    if (key === '') {
      env.fault(`${name} must be a list such as key=value,key=value`)
      return {}
    }
    try {
      found[key] = decodeURIComponent(entry.slice(at + 1).trim())
    } catch {
      env.fault(`${name} has a value of ${key} that is not percent-encoded as it should be`)
    }
  }
  return found
}

function optionally(name: string, value: string | undefined): Record<string, string> {
  return value === undefined ? {} : { [name]: value }
}
