import { setTimeout as sleep } from 'node:timers/promises'
import { BUCKETS, DAY_MS, DEADLETTER_STREAM, STREAMS } from '@fluxgate/contracts'
import {
  DiscardPolicy,
  ErrorCode,
  NatsError,
  nanos,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from 'nats'
import { API_ERROR, isApiError } from './api-error.ts'
import type { NatsLink } from './link.ts'

export interface TopologyOptions {
  /** 1, or 3 on a cluster. */
  readonly replicas: 1 | 3
  /** Bytes on disk that all streams together may take on each server; each has its share. */
  readonly storageBytes: number
}

export const DEFAULT_TOPOLOGY: TopologyOptions = Object.freeze({ replicas: 1, storageBytes: 8 * 1024 ** 3 })

/** Live copies of every KV change, on core NATS: what gateways watch. */
export const LIVE_PREFIX = 'fluxgate.live'
/** For so long a stream drops a second copy of an event. */
export const DEDUPE_WINDOW_MS = 30_000
/** A node that has not renewed its record for this long is gone. */
export const NODE_TTL_MS = 10_000
const POLICY_HISTORY = 64
/** A key is the present one for 7 days, the one before for 7 more, and is deleted a day later. */
const ADDRESS_KEY_MS = 15 * DAY_MS
const CLEAR_ADDRESS_MS = 3 * DAY_MS

/** The streams: their share of the storage, their retention and what happens when they are full. */
const EVENT_STREAMS = [
  { name: STREAMS.requests, subject: 'fluxgate.requests.>', share: 0.42, ageMs: 30 * DAY_MS },
  { name: STREAMS.tokens, subject: 'fluxgate.tokens.>', share: 0.34, ageMs: 30 * DAY_MS },
  { name: STREAMS.auth, subject: 'fluxgate.auth.>', share: 0.08, ageMs: 90 * DAY_MS },
  // What strangers are refused: however many they are, they push out nothing but each other.
  { name: STREAMS.refusals, subject: 'fluxgate.refusals.>', share: 0.02, ageMs: 7 * DAY_MS },
  { name: STREAMS.throttles, subject: 'fluxgate.throttles.>', share: 0.03, ageMs: 90 * DAY_MS },
  { name: DEADLETTER_STREAM, subject: 'fluxgate.deadletter.>', share: 0.03, ageMs: 30 * DAY_MS },
  // Incidents have no age, and nobody can delete them; when there is no room, the oldest go, which the tables hold still.
  { name: STREAMS.incidents, subject: 'fluxgate.incidents.>', share: 0.06, ageMs: 0, forGood: true },
] as const

const KV_STREAMS = [
  { bucket: BUCKETS.throttles, share: 0.005, ageMs: 0, history: 1 },
  { bucket: BUCKETS.nodes, share: 0.001, ageMs: NODE_TTL_MS, history: 1 },
  { bucket: BUCKETS.policy, share: 0.005, ageMs: 0, history: POLICY_HISTORY },
  { bucket: BUCKETS.leases, share: 0.001, ageMs: 0, history: 1 },
  { bucket: BUCKETS.addressKeys, share: 0.0005, ageMs: ADDRESS_KEY_MS, history: 1, isQuiet: true },
  // When it is full the oldest addresses go first: they can no longer be resolved.
  {
    bucket: BUCKETS.addresses,
    share: 0.004,
    ageMs: CLEAR_ADDRESS_MS,
    history: 1,
    isQuiet: true,
    dropsOld: true,
  },
] as const

export function topology(options: TopologyOptions): Partial<StreamConfig>[] {
  const common = {
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    num_replicas: options.replicas,
    allow_direct: true,
  }
  const bytes = (share: number) => Math.floor(options.storageBytes * share)
  return [
    ...EVENT_STREAMS.map(stream => {
      const forGood = 'forGood' in stream
      return {
        ...common,
        name: stream.name,
        subjects: [stream.subject],
        max_bytes: bytes(stream.share),
        max_age: nanos(stream.ageMs),
        duplicate_window: nanos(DEDUPE_WINDOW_MS),
        discard: DiscardPolicy.Old,
        deny_delete: forGood,
        deny_purge: forGood,
      }
    }),
    ...KV_STREAMS.map(({ bucket, share, ageMs, history, ...rest }) => ({
      ...common,
      name: `KV_${bucket}`,
      subjects: [`$KV.${bucket}.>`],
      max_bytes: bytes(share),
      max_age: nanos(ageMs),
      max_msgs_per_subject: history,
      duplicate_window: nanos(ageMs > 0 ? Math.min(ageMs, DEDUPE_WINDOW_MS) : DEDUPE_WINDOW_MS),
      discard: 'dropsOld' in rest ? DiscardPolicy.Old : DiscardPolicy.New,
      deny_delete: true,
      deny_purge: false,
      allow_rollup_hdrs: true,
      // What is secret or about persons is read by those who may, and heard by nobody.
      ...('isQuiet' in rest
        ? {}
        : { republish: { src: `$KV.${bucket}.>`, dest: `${LIVE_PREFIX}.${bucket}.>` } }),
    })),
  ]
}

/**
 * Creates what is missing and updates what differs; safe to run from many processes at once. Replicas and room are only
 * ever raised: processes that were told different figures agree on the largest whatever order they start in, and
 * lowering, which can delete facts, stays an operator's own act. A user who may not make streams waits for somebody who
 * does, and takes them as they are.
 */
export async function ensureTopology(
  link: NatsLink,
  stated: { readonly [Option in keyof TopologyOptions]?: TopologyOptions[Option] | undefined } = {},
): Promise<void> {
  const options = {
    replicas: stated.replicas ?? DEFAULT_TOPOLOGY.replicas,
    storageBytes: stated.storageBytes ?? DEFAULT_TOPOLOGY.storageBytes,
  }
  const deadlineMs = performance.now() + LEADERS_LIMIT_MS
  for (const wanted of topology(options)) {
    const retained = await whileMissing(link, () => ensureStream(link, wanted), deadlineMs)
    if (retained.replicas && stated.replicas !== undefined) {
      link.log.warn({ stream: wanted.name }, 'the stream keeps more replicas than NATS_REPLICAS says')
    }
    if (retained.bytes && stated.storageBytes !== undefined) {
      link.log.warn({ stream: wanted.name }, 'the stream keeps more room than NATS_STORAGE says')
    }
  }
}

/**
 * A cluster that starts, or a stream that gets more replicas, has no leader for some seconds; and nats-server 2.10 places
 * nothing on a server before it has heard its figures, which come every 30 s.
 */
const LEADERS_LIMIT_MS = 60_000
const LEADERS_RETRY_MS = 500

async function whileMissing<T>(link: NatsLink, ask: () => Promise<T>, deadlineMs: number): Promise<T> {
  for (let isReported = false; ; ) {
    try {
      return await ask()
    } catch (error) {
      const mayCome = isLeaderless(error) || isRefused(error)
      if (!mayCome || performance.now() > deadlineMs) throw error
      if (isRefused(error) && !isReported) {
        isReported = true
        link.log.warn({ err: error }, 'this user may not make streams: waiting until they are there')
      }
      await sleep(LEADERS_RETRY_MS)
    }
  }
}

function isLeaderless(error: unknown): boolean {
  if (!(error instanceof NatsError)) return false
  const { code, api_error } = error
  if (isApiError(error, API_ERROR.noSuitablePeers)) return true
  return code === ErrorCode.Timeout || code === ErrorCode.NoResponders || api_error?.code === 503
}

function isRefused(error: unknown): boolean {
  return error instanceof NatsError && error.code === ErrorCode.PermissionsViolation
}

interface Raised {
  readonly replicas: boolean
  readonly bytes: boolean
}

async function ensureStream(link: NatsLink, wanted: Partial<StreamConfig>): Promise<Raised> {
  const { streams } = link.manager
  const name = wanted.name!
  let have: StreamConfig
  try {
    have = (await streams.info(name)).config
  } catch (error) {
    if (!isApiError(error, API_ERROR.streamNotFound)) throw error
    try {
      await streams.add(wanted)
      return { replicas: false, bytes: false }
    } catch (raced) {
      // Another process made it in between, perhaps with other limits: the next look settles it.
      if (!isApiError(raced, API_ERROR.streamNameInUse)) throw raced
      have = (await streams.info(name)).config
    }
  }
  const { config, retained } = raised(have, wanted)
  if (differs(have, config)) {
    await streams.update(name, config).catch(error => {
      if (!isRefused(error)) throw error
      link.log.warn(
        { stream: name },
        'the stream is not as this version wants it, and this user may not change it',
      )
    })
  }
  return retained
}

function raised(
  have: StreamConfig,
  wanted: Partial<StreamConfig>,
): { config: Partial<StreamConfig>; retained: Raised } {
  const retained = {
    replicas: have.num_replicas > (wanted.num_replicas ?? 1),
    // Less than one byte means without a limit.
    bytes: have.max_bytes < 1 || have.max_bytes > (wanted.max_bytes ?? 0),
  }
  const config = {
    ...wanted,
    ...(retained.replicas ? { num_replicas: have.num_replicas } : {}),
    ...(retained.bytes ? { max_bytes: have.max_bytes } : {}),
  }
  return { config, retained }
}

function differs(have: StreamConfig, want: Partial<StreamConfig>): boolean {
  return Object.entries(want).some(
    ([field, value]) =>
      JSON.stringify(have[field as keyof StreamConfig] ?? false) !== JSON.stringify(value ?? false),
  )
}
