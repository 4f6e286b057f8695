import assert from 'node:assert/strict'
import { it } from 'node:test'
import { ConfigError, readConfig } from '@fluxgate/runtime'
import { readTracingConfig } from './tracing.ts'

const read = (env: Record<string, string>) => readConfig(env, reader => readTracingConfig(reader, 'gw-1'))
const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }

it('is off without an endpoint, and where the standard variables say so', () => {
  assert.equal(read({}), undefined)
  assert.equal(read({ ...ENDPOINT, OTEL_SDK_DISABLED: 'true' }), undefined)
  assert.equal(read({ ...ENDPOINT, OTEL_TRACES_EXPORTER: 'none' }), undefined)
})

it('completes the common endpoint and takes the one for traces as it is', () => {
  assert.equal(read(ENDPOINT)?.url, 'http://collector:4318/v1/traces')
  assert.equal(read({ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://c/base/' })?.url, 'https://c/base/v1/traces')
  const both = { ...ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://traces:1/in' }
  assert.equal(read(both)?.url, 'http://traces:1/in')
})

it('reads headers, resource and sampler', () => {
  const config = read({
    ...ENDPOINT,
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20abc,x-a=1',
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-a=2',
    OTEL_RESOURCE_ATTRIBUTES: 'service.name=other,deployment.environment.name=test',
    OTEL_SERVICE_NAME: 'mine',
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.25',
  })
  assert.deepEqual(config?.headers, { authorization: 'Bearer abc', 'x-a': '2' })
  assert.deepEqual(config?.resource, {
    'service.name': 'mine',
    'service.instance.id': 'gw-1',
    'deployment.environment.name': 'test',
  })
  assert.deepEqual([config?.followsParent, config?.ratio], [true, 0.25])
  const sampler = (name: string) => {
    const found = read({ ...ENDPOINT, OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: '0.5' })
    return [found?.followsParent, found?.ratio]
  }
  assert.deepEqual(sampler('always_off'), [false, 0])
  assert.deepEqual(sampler('traceidratio'), [false, 0.5])
  assert.deepEqual(sampler('parentbased_always_on'), [true, 1])
})

it('tells what is wrong without echoing what may be a secret', () => {
  const wrong = { ...ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS: 'hush', OTEL_TRACES_SAMPLER: 'jaeger_remote' }
  assert.throws(
    () => read(wrong),
    (error: unknown) => {
      assert.ok(error instanceof ConfigError)
      assert.equal(error.faults.length, 2)
      assert.doesNotMatch(error.message, /hush/)
      return true
    },
  )
})
