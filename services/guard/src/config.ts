import type { GuardPolicy } from '@fluxgate/contracts'
import {
  DEFAULT_POLICY,
  GUARD_PRESET_NAMES,
  GUARD_PRESETS,
  type GuardPreset,
  presetPolicy,
} from '@fluxgate/guard-core'
import { type EnvReader, readStatusAddress, type StatusAddress } from '@fluxgate/runtime'

export interface GuardConfig {
  readonly natsUrl: string
  readonly status: StatusAddress
  /** A policy in JSON that goes into the bucket, at the start and whenever it changes. */
  readonly policyFile: string | undefined
  /** In force while the bucket `policy` holds none for the guard. */
  readonly policy: GuardPolicy
  /** A leader that is silent for this long is replaced. */
  readonly leaseTtlMs: number
}

export function readGuardConfig(env: EnvReader): GuardConfig {
  return {
    natsUrl: env.text('NATS_URL'),
    status: readStatusAddress(env),
    policyFile: env.optional('GUARD_POLICY_FILE'),
    policy: readPolicy(env),
    leaseTtlMs: bounded(env, 'GUARD_LEASE', 2_000, { min: 500, max: 60_000 }),
  }
}

function readPolicy(env: EnvReader): GuardPolicy {
  const preset = readPreset(env)
  const flood = GUARD_PRESETS[preset]
  const isGiven = (name: string) => env.optional(name) !== undefined
  return presetPolicy(preset, {
    windowMs: bounded(env, 'DRAIN_WINDOW', flood.windowMs, { min: 100, max: 3_600_000 }),
    thresholdTokens: isGiven('DRAIN_THRESHOLD')
      ? env.integer('DRAIN_THRESHOLD', flood.thresholdTokens, { min: 1 })
      : undefined,
    penalty: {
      capacity: env.number('PENALTY_CAPACITY', DEFAULT_POLICY.penalty.capacity),
      refillRate: env.number('PENALTY_REFILL', DEFAULT_POLICY.penalty.refillRate),
      durationMs: bounded(env, 'PENALTY_SECONDS', DEFAULT_POLICY.penalty.durationMs, {
        min: 1_000,
        max: 31 * 86_400_000,
      }),
    },
    graceMs: bounded(env, 'PARDON_GRACE', DEFAULT_POLICY.graceMs, { min: 0, max: 86_400_000 }),
  })
}

function readPreset(env: EnvReader): GuardPreset {
  const given = env.optional('GUARD_PRESET') ?? 'standard'
  const preset = GUARD_PRESET_NAMES.find(name => name === given)
  if (!preset) env.fault(`GUARD_PRESET must be one of ${GUARD_PRESET_NAMES.join(', ')}`)
  return preset ?? 'standard'
}

function bounded(
  env: EnvReader,
  name: string,
  fallbackMs: number,
  { min, max }: { min: number; max: number },
) {
  const value = env.durationMs(name, fallbackMs)
  if (value < min || value > max) env.fault(`${name} must be from ${min / 1_000} to ${max / 1_000} seconds`)
  return value
}
