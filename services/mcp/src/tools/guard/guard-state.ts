import { z } from 'zod'
import { throttleFields, timeField } from '../../views/index.ts'

const policy = z.object({
  source: z
    .enum(['bucket', 'environment'])
    .describe(
      'bucket: stored by operators. environment: none is stored; the default that the guard publishes.',
    ),
  revision: z.int().nullable(),
  contextFlood: z.object({ enabled: z.boolean(), windowMs: z.int(), thresholdTokens: z.int() }),
  penalty: z.object({ capacity: z.number(), refillRate: z.number(), durationMs: z.int() }),
  rules: z
    .record(z.string(), z.record(z.string(), z.unknown()))
    .describe('Every rule with its thresholds and its action, defaults filled in.'),
  graceMs: z.int().describe('After a pardon the rule leaves the identity alone for this long.'),
})

const guard = z.object({
  holder: z.string().describe('The guard process that leads; empty when it has gone.'),
  term: z.int(),
  leads: z.boolean().describe('Whether it has renewed its lease lately.'),
  renewedAgoMs: z.number(),
  sequence: z.int().nullable().describe('Position in TOKENS that it had decided up to when it renewed.'),
  behindEvents: z.int().nullable(),
})

const oneIdentity = z.object({
  identity: z.string(),
  throttle: z.object(throttleFields).nullable().describe('In force now.'),
  lookBackMinutes: z.int(),
  tokens: z.int().describe('Tokens consumed in the window, counted from the log.'),
  events: z.int(),
  peak: z
    .object({ at: timeField, tokens: z.number(), allowance: z.number(), windowMs: z.int() })
    .nullable()
    .describe("The policy window with the most tokens beyond the tier's allowance; null without tokens."),
  overThreshold: z.boolean().describe('Whether that peak crosses the threshold in force.'),
  cut: z.boolean().describe('True when there were more events than may be read at once.'),
})

export const guardStateOutput = z.object({
  readAt: timeField,
  guard: guard.nullable().describe('Null when no guard has ever led.'),
  policy,
  inForce: z.int().describe('Identities throttled this moment.'),
  ended: z.int().describe('Throttles past their end that are still in the bucket.'),
  newest: z.array(z.object(throttleFields)),
  gateways: z.array(
    z.object({ node: z.string(), address: z.string(), startedAt: timeField, heartbeatAgeMs: z.number() }),
  ),
  drift: z
    .object({ onlyInBucket: z.array(z.string()), onlyInTables: z.array(z.string()) })
    .nullable()
    .describe('Identities throttled in one and not in the other; null when they cannot be compared.'),
  identity: oneIdentity.nullable(),
})

export type GuardState = z.input<typeof guardStateOutput>
export type OneIdentity = z.input<typeof oneIdentity>
