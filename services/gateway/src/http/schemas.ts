import { Throttle, TierName } from '@fluxgate/contracts'
import Type, { type TSchema } from 'typebox'

/** What the faces answer with. Times are epoch milliseconds unless they are texts (RFC 3339). */
const EpochMs = Type.Integer({ description: 'epoch milliseconds' })
const Text = Type.String()
const Flag = Type.Boolean()
const Count = Type.Integer({ minimum: 0 })
const orNull = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()])
const closed = { additionalProperties: false } as const

/** The `Fault` of the documents: errors of orders and accounts, in OpenAI's form. */
export const ApiErrorBody = Type.Object(
  { error: Type.Object({ message: Text, type: Text, code: Text }, closed) },
  closed,
)

export const Role = Type.Union([Type.Literal('developer'), Type.Literal('operator')])
export const User = Type.Object(
  { id: Text, role: Role, tier: TierName, createdAt: EpochMs, disabledAt: orNull(EpochMs) },
  closed,
)
const key = {
  id: Text,
  name: Text,
  prefix: Text,
  last4: Text,
  createdAt: EpochMs,
  expiresAt: orNull(EpochMs),
  revokedAt: orNull(EpochMs),
  lastUsedAt: orNull(EpochMs),
}
export const Key = Type.Object(key, closed)
const whole = Type.String({ description: 'the whole key: shown in this answer, and nowhere else' })
export const OwnNewKey = Type.Object({ key: whole, ...key }, closed)
export const NewKey = Type.Object(
  { key: whole, id: Text, user_id: Text, tier: TierName, prefix: Text, expires_at: orNull(EpochMs) },
  closed,
)

const invitation = {
  id: Text,
  email: orNull(Text),
  role: Role,
  tier: TierName,
  createdAt: EpochMs,
  createdBy: Text,
  expiresAt: EpochMs,
  usedAt: orNull(EpochMs),
  usedBy: orNull(Text),
  revokedAt: orNull(EpochMs),
}
export const Invitation = Type.Object(invitation, closed)
const invitationToken = Type.String({
  description: 'goes into the link: shown in this answer, and nowhere else',
})
export const NewInvitation = Type.Object({ token: invitationToken, path: Text, ...invitation }, closed)
export const Erased = Type.Object({ id: Text, keys: Count, sessions: Count }, closed)
export const ClearAddress = Type.Object({ hash: Text, address: Text }, closed)

/** A change, and what stood before. */
export const changed = (schema: TSchema) => Type.Object({ from: schema, to: schema }, closed)
export const list = (name: string, schema: TSchema) => Type.Object({ [name]: Type.Array(schema) }, closed)

const named = { identifier: Text, identities: Type.Array(Text) }
export const Throttled = Type.Object({ ...named, until: EpochMs }, closed)
export const Pardoned = Type.Object({ ...named, pardoned: Type.Literal(true) }, closed)
export const ThrottleInForce = Type.Object({ identifier: Text, ...Throttle.properties }, closed)
const limit = {
  capacity: Type.Number(),
  refill_rate: Type.Number(),
  requests_per_minute: Type.Optional(Count),
  concurrent_streams: Type.Optional(Count),
}
export const Limited = Type.Object({ ...named, ...limit }, closed)
export const Refilled = Type.Object(
  { ...named, tokens: Type.Integer({ description: 'Given back to the buckets of all of them together.' }) },
  closed,
)
export const LimitOfOne = Type.Union([
  Type.Object({ identifier: Text, ...limit }, closed),
  Type.Object({ identifier: Text, tier: TierName }, closed),
])
const source = Type.Union([Type.Literal('default'), Type.Literal('policy')])
export const NamedTier = Type.Object({ name: TierName, ...limit, source }, closed)

const amount = Type.Object({ tokens: Count, usd: Type.Number() }, closed)
/** What is used of a budget, as far as this node has read the log. */
export const budgetUse = {
  sums: Type.Object({ loaded: Flag, complete: Flag, as_of: orNull(Text) }, closed),
  holders: Count,
  top: Type.Array(
    Type.Object({ holder: Text, used: amount, held: amount, period_start: Text, period_end: Text }, closed),
  ),
}

const change = Type.Object({ path: Text, from: Type.Optional(Text), to: Type.Optional(Text) }, closed)
export const Changes = list('changes', change)

const fault = Type.Object({ code: Text, message: Text, at: EpochMs }, closed)
const file = Type.Object({ path: Text, loadedAt: EpochMs, reloads: Count, fault: orNull(Text) }, closed)
const upstream = Type.Object(
  {
    name: Text,
    url: Text,
    healthy: Flag,
    circuit: Text,
    opensInMs: Type.Number(),
    inFlight: Count,
    maxInFlight: Count,
    weight: Type.Number(),
    dialects: Type.Array(Text),
    models: orNull(Type.Array(Text)),
    latencyMs: orNull(Type.Number()),
    calls: Count,
    failures: Count,
    lastError: orNull(fault),
  },
  closed,
)
export const Routing = Type.Object(
  {
    upstreams: Type.Array(upstream),
    waiting: Count,
    retries: Count,
    fallbacks: Count,
    retriesSpared: Count,
    file: orNull(file),
  },
  closed,
)

export const Alive = Type.Object({ status: Type.Literal('alive') }, closed)
const reasons = Type.Record(Text, Text)
export const Ready = Type.Object({ ready: Flag, missing: reasons, warnings: Type.Optional(reasons) }, closed)
/** Whether calls can be taken, what prevents it by part, and what is wrong but does not. */
export type ReadyAnswer = Type.Static<typeof Ready>

const person = { id: Text, email: orNull(Text), role: Role, tier: TierName }
const failedLogins = Type.Object(
  { count: Count, lastAt: Type.Optional(EpochMs), lastAddress: Type.Optional(Text) },
  closed,
)
const modes = ['open', 'invite', 'domain', 'off'] as const
export const RegistrationInfo = Type.Object(
  { mode: Type.Union(modes.map(mode => Type.Literal(mode))), domain: Type.Optional(Text) },
  closed,
)
export const Registered = Type.Object({ email: Text, message: Text }, closed)
export const LoggedIn = Type.Object(
  { user: Type.Object(person, closed), expiresAt: EpochMs, failedLogins: Type.Optional(failedLogins) },
  closed,
)
export const Me = Type.Object(
  { ...person, session: Type.Object({ id: Text, expiresAt: EpochMs }, closed) },
  closed,
)
export const Session = Type.Object(
  { id: Text, createdAt: EpochMs, expiresAt: EpochMs, address: Text, agent: Text, current: Flag },
  closed,
)
export const Ended = Type.Object({ ended: Count }, closed)
export const Expires = Type.Object({ expiresAt: EpochMs }, closed)
