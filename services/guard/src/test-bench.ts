import assert from 'node:assert/strict'
import {
  type DataOf,
  type EventDefinition,
  eventMaker,
  type FluxgateEvent,
  type GuardPolicy,
  type GuardProgress,
  type Identity,
  jsonParser,
  Throttle,
  TokensSettled,
} from '@fluxgate/contracts'
import { RULE_STREAMS } from '@fluxgate/guard-core'
import { Bucket, connectNats, EventPublisher, ensureTopology, type NatsLink, replay } from '@fluxgate/nats'
import { openPenaltyBox, type PenaltyBox } from '@fluxgate/operations'
import { createLog } from '@fluxgate/runtime'
import { eventually, type NatsServer, startNatsServer, testNats } from '@fluxgate/testing'
import { ulid } from 'ulid'
import type { GuardConfig } from './config.ts'
import { type Guard, type GuardOverrides, startGuard } from './service.ts'

/** The seed policy, and the free tier's 100 tokens a second: the allowance is 500 tokens in two seconds. */
export const POLICY: GuardPolicy = {
  rules: { contextFlood: { enabled: true, windowMs: 2_000, thresholdTokens: 300 } },
  penalty: { capacity: 100, refillRate: 10, durationMs: 60_000 },
  graceMs: 300_000,
}
export const ada: Identity = { user: 'ada', key: 'k1' }
export const bob: Identity = { user: 'bob', key: 'k1' }
export const log = createLog('guard', 'silent')
/** The time that a test's leader may be silent: short, so that a takeover is soon seen. */
export const LEASE_TTL_MS = 800

/** A server with the topology, what publishes into it, and guards on demand. */
export interface GuardBench extends AsyncDisposable {
  readonly server: NatsServer
  readonly link: NatsLink
  readonly publisher: EventPublisher
  readonly box: PenaltyBox
  readonly throttles: Bucket<Throttle>
  config(policy?: Partial<GuardPolicy>): GuardConfig
  /** A guard that is ended with the bench, if not before. */
  start(policy?: Partial<GuardPolicy>, overrides?: GuardOverrides): Promise<Guard>
  /** The same, and it leads already. */
  lead(policy?: Partial<GuardPolicy>, overrides?: GuardOverrides): Promise<Guard>
  settle(identity: Identity, total: number): Promise<void>
  publish<D extends EventDefinition>(definition: D, data: DataOf<D>): Promise<void>
  /** Every event of a stream so far. */
  entries(stream: string): Promise<FluxgateEvent[]>
}

interface BenchOptions {
  /** What all streams together may take; by default much. */
  readonly storageBytes?: number | undefined
  /** For tests that stop it. */
  readonly ownServer?: boolean
}

export async function startGuardBench({
  storageBytes,
  ownServer = false,
}: BenchOptions = {}): Promise<GuardBench> {
  const stack = new AsyncDisposableStack()
  const server = stack.use(await (ownServer ? startNatsServer() : testNats()))
  const link = stack.use(await connectNats({ url: server.url, name: 'test' }, log))
  await ensureTopology(link, { storageBytes })
  const publisher = stack.use(new EventPublisher(link))
  const make = eventMaker('/test/1', ulid, Date.now)
  const config = (policy: Partial<GuardPolicy> = {}): GuardConfig => ({
    natsUrl: server.url,
    status: { host: '127.0.0.1', port: 0 },
    policyFile: undefined,
    policy: { ...POLICY, ...policy },
    leaseTtlMs: LEASE_TTL_MS,
  })
  const start = async (policy?: Partial<GuardPolicy>, overrides?: GuardOverrides) =>
    stack.use(await startGuard(config(policy), log, overrides))
  return {
    server,
    link,
    publisher,
    config,
    start,
    box: openPenaltyBox(link, publisher, make),
    throttles: new Bucket(link, 'throttles', jsonParser(Throttle)),
    async lead(policy, overrides) {
      const guard = await start(policy, overrides)
      await eventually(() => guard.isLeader(), { everyMs: 5 })
      return guard
    },
    async settle(identity, total) {
      await publisher.publish(make(TokensSettled, settlement(identity, total)))
    },
    async publish(definition, data) {
      await publisher.publish(make(definition, data))
    },
    async entries(stream) {
      const events: FluxgateEvent[] = []
      for await (const batch of replay(link, { stream, from: 'first' })) {
        for (const { event } of batch.events) events.push(event)
      }
      return events
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

export function settlement(identity: Identity, total: number) {
  return {
    request: `req_${ulid()}`,
    ...identity,
    tier: 'free' as const,
    refillRate: 100,
    model: 'test',
    upstream: 'test',
    usage: { input: 0, output: total },
    total,
    reserved: total,
    progressed: 0,
    source: 'reported' as const,
  }
}

/** What a guard's `/ready` warns of, by name. */
export async function warningsOf(guard: Guard): Promise<Record<string, string>> {
  const answer = await fetch(`http://127.0.0.1:${guard.metricsPort}/ready`)
  return ((await answer.json()) as { warnings: Record<string, string> }).warnings
}

/** The sum of a counter of a guard over the labels that contain a text; 0 when there is none yet. */
export async function counted(guard: Guard, metric: string, labels = ''): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${guard.metricsPort}/metrics`)).text()
  return text
    .split('\n')
    .filter(line => line.startsWith(metric) && line.includes(labels))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}

export function typesOf(events: readonly FluxgateEvent[]): string[] {
  return events.map(event => event.type.replace('fluxgate.', ''))
}

/** The lease of the guard with the positions up to which the leader has decided and acted. */
export async function lease(bench: GuardBench): Promise<{ term: number; state?: Partial<GuardProgress> }> {
  const message = await bench.link.manager.streams.getMessage('KV_leases', {
    last_by_subj: '$KV.leases.guard',
  })
  return message.json()
}

/** Resolves when the leader has decided about all that the streams of its rules hold, and done what follows from it. */
export async function handledAll(bench: GuardBench): Promise<void> {
  const ends = new Map<string, number>()
  for (const stream of RULE_STREAMS) {
    ends.set(stream, (await bench.link.manager.streams.info(stream)).state.last_seq)
  }
  await eventually(async () => {
    const { state = {} } = await lease(bench)
    for (const [stream, end] of ends) assert.ok((state[stream]?.sequence ?? 0) >= end, stream)
  })
}
