import { type GuardPolicy, STREAMS, type StreamName } from '@fluxgate/contracts'
import { memoryMs, RULE_STREAMS, wholePolicy } from '@fluxgate/guard-core'
import type { NatsLink } from '@fluxgate/nats'
import type { Range } from '../core/log-source.ts'
import type { WhatIfResult } from '../core/what-if.ts'
import { type Reading, readMessages, type Source } from './read.ts'
import { type RetainedRange, retention } from './retention.ts'
import { WhatIfThread } from './what-if-thread.ts'

/** An incident is stored so long after the event that crossed the threshold, at the most, unless the guard was away. */
const DECIDED_WITHIN_MS = 60_000

/** Messages given to the thread at once: many, since each time wakes it. */
const MAX_BATCH = 1_000

/** What the guard would have decided in a range under another policy. The same log, policy and range give the same result. */
export async function whatIf(
  link: NatsLink,
  policy: GuardPolicy,
  range: Range,
  reading: Reading = {},
): Promise<{ result: WhatIfResult; kept: RetainedRange[] }> {
  const kept = await retention(link)
  const whole = wholePolicy(policy)
  const fromMs = range.fromMs ?? Number.NEGATIVE_INFINITY
  const toMs = range.toMs ?? Number.POSITIVE_INFINITY
  const before = (ms: number) => (range.fromMs === undefined ? undefined : range.fromMs - ms)
  const standingMs = Math.max(whole.graceMs, whole.repeat.windowMs, whole.penalty.durationMs)
  const sources: Source[] = [
    // Standings come first, so that those of one millisecond are known before it is decided.
    { stream: 'incidents', fromMs: before(standingMs), toMs: range.toMs && range.toMs + DECIDED_WITHIN_MS },
    { stream: 'throttles', fromMs: before(standingMs) },
    ...RULE_STREAMS.map(name => ({ stream: streamOf(name), fromMs: before(memoryMs(whole, name)) })),
  ]
  const streams = sources.map(({ stream }) => STREAMS[stream])
  await using thread = new WhatIfThread({ policy, fromMs, toMs, streams })
  const how = { ...reading, maxBatch: MAX_BATCH, isWhole: true }
  for await (const messages of readMessages(link, sources, range, how)) await thread.add(messages)
  return { result: await thread.finish(), kept }
}

function streamOf(name: string): StreamName {
  return (Object.keys(STREAMS) as StreamName[]).find(stream => STREAMS[stream] === name)!
}
