import assert from 'node:assert/strict'
import { it } from 'node:test'
import { Histogram, Registry } from 'prom-client'
import { BoundedLabel, Distribution, expose, exposeHistograms } from './tally.ts'

const BOUNDS = [0.1, 1, 10]
const VALUES = [0, 0.05, 0.1, 0.100001, 1, 5, 10, 11, 1e9]

it('shows a distribution exactly as the library would', async () => {
  const theirs = new Registry()
  const histogram = new Histogram({
    name: 'took_seconds',
    help: 'How long.',
    buckets: BOUNDS,
    labelNames: ['kind'],
    registers: [theirs],
  })
  const ours = new Registry()
  const distribution = new Distribution(BOUNDS)
  exposeHistograms(ours, { name: 'took_seconds', help: 'How long.' }, () => [[{ kind: 'a' }, distribution]])
  for (const registry of [theirs, ours]) registry.setDefaultLabels({ service: 'test' })
  for (const value of VALUES) {
    histogram.observe({ kind: 'a' }, value)
    distribution.add(value)
  }
  const lines = async (registry: Registry) => {
    const text = await registry.metrics()
    // The order of labels means nothing.
    return text
      .split('\n')
      .map(line => line.replace(/\{(.*)\}/, (_, labels: string) => `{${labels.split(',').sort()}}`))
  }
  assert.deepEqual(await lines(ours), await lines(theirs))
  assert.deepEqual(
    (await ours.getMetricsAsJSON()).map(({ name, type }) => [name, type]),
    [['took_seconds', 'histogram']],
  )
})

it('asks for counters at each scrape, and escapes labels', async () => {
  const registry = new Registry()
  let count = 1
  expose(registry, 'counter', { name: 'things_total', help: 'Things.' }, () => [[{ name: 'a"\n' }, count]])
  assert.match(await registry.metrics(), /# TYPE things_total counter\nthings_total{name="a\\"\\n"} 1\n/)
  count = 2
  assert.match(await registry.metrics(), /} 2\n/)
})

it('keeps as many values of a label as it may, and calls the rest other', () => {
  const label = new BoundedLabel(2)
  assert.deepEqual(
    ['a', 'b', 'c', 'a', 'd', 'b'].map(value => label.of(value)),
    ['a', 'b', 'other', 'a', 'other', 'b'],
  )
})
