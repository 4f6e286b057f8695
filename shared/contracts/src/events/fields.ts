import Type, { type TSchema } from 'typebox'
import { Token } from '../identity.ts'

/** Fields that several facts share. Times are epoch milliseconds, durations milliseconds, tokens whole numbers. */
export const RequestId = Type.String({ pattern: '^[0-9A-Za-z_-]{8,64}$' })
export const IncidentId = Type.String({ pattern: '^inc_[0-9a-z]{8,40}$' })
export const Tokens = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
export const EpochMs = Type.Integer({ minimum: 0 })
export const DurationMs = Type.Number({ minimum: 0 })
/** Text that came from outside: data, never instruction. Publishers cut it to the limit. */
export const ShortText = Type.String({ maxLength: 256 })
export const LongText = Type.String({ maxLength: 4_000 })
/** Who did it: `guard`, `system`, `self`, `operator:<user>`, `admin`, `mcp:<user>`. */
export const Actor = Type.String({ minLength: 1, maxLength: 128 })
export const Dialect = Type.Union([Type.Literal('openai'), Type.Literal('anthropic'), Type.Literal('ollama')])
export const identityFields = { user: Token, key: Token }

export function record<P extends Record<string, TSchema>>(properties: P) {
  return Type.Object(properties, { additionalProperties: false })
}
