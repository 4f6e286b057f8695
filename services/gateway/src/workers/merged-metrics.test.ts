import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { mergeMetrics } from './merged-metrics.ts'

const page = (value: number) =>
  [
    '# HELP calls_total Calls.',
    '# TYPE calls_total counter',
    `calls_total{service="gateway",status="2{0}0"} ${value}`,
    '',
    '# HELP up Up.',
    '# TYPE up gauge',
    `up ${value}`,
    '',
  ].join('\n')

describe('mergeMetrics', () => {
  it('labels each series with its worker, and writes the head of a family once', () => {
    const merged = mergeMetrics([
      { worker: 'gw-1', text: page(3) },
      { worker: 'gw-2', text: page(4) },
    ])
    assert.deepEqual(merged.split('\n'), [
      '# HELP calls_total Calls.',
      '# TYPE calls_total counter',
      'calls_total{worker="gw-1",service="gateway",status="2{0}0"} 3',
      'calls_total{worker="gw-2",service="gateway",status="2{0}0"} 4',
      '# HELP up Up.',
      '# TYPE up gauge',
      'up{worker="gw-1"} 3',
      'up{worker="gw-2"} 4',
      '',
    ])
  })

  it('keeps a family that one worker alone has', () => {
    const only = '# HELP rare Rare.\n# TYPE rare gauge\nrare 1\n'
    const merged = mergeMetrics([
      { worker: 'gw-1', text: page(1) },
      { worker: 'gw-2', text: only },
    ])
    assert.match(merged, /# TYPE rare gauge\nrare\{worker="gw-2"\} 1\n$/)
  })
})
