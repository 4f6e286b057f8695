import Type from 'typebox'
import { defineEvent } from '../envelope.ts'
import { LogPosition } from '../log-event.ts'
import { TierName } from '../tier.ts'
import {
  Actor,
  DurationMs,
  EpochMs,
  identityFields,
  LongText,
  RequestId,
  record,
  ShortText,
} from './fields.ts'

export const Role = Type.Union([Type.Literal('developer'), Type.Literal('operator')])
/** SHA-256 of the normalised e-mail, first 32 hex digits: the log counts by account and holds no address of a person. */
const Account = Type.String({ pattern: '^[0-9a-f]{32}$' })

/** In all facts about a person's account, `key` is `portal`. */
export const UserRegistered = defineEvent(
  'auth',
  'registered',
  2,
  record({ ...identityFields, role: Role, tier: TierName, actor: Actor, address: ShortText }),
)
/** A person logged in at the portal; `session` begins. */
export const LoginSucceeded = defineEvent(
  'auth',
  'login_succeeded',
  1,
  record({ ...identityFields, account: Account, address: ShortText, session: ShortText }),
)
/** A login was refused. The client does not learn the reason. */
export const LoginFailed = defineEvent(
  'auth',
  'login_failed',
  1,
  record({
    ...identityFields,
    account: Account,
    address: ShortText,
    reason: Type.Union([
      Type.Literal('wrong_credentials'),
      Type.Literal('disabled'),
      Type.Literal('backed_off'),
    ]),
  }),
)
/** A session has ended; no service accepts it any more. */
export const LoggedOut = defineEvent(
  'auth',
  'logged_out',
  1,
  record({ ...identityFields, session: ShortText, address: ShortText }),
)
/** An API key was created. The key itself is only in the answer that showed it. */
export const KeyCreated = defineEvent(
  'auth',
  'key_created',
  1,
  record({
    ...identityFields,
    name: ShortText,
    /** The shown beginning of the key, never more. */
    prefix: ShortText,
    actor: Actor,
    expiresAt: Type.Optional(EpochMs),
  }),
)
/** From here on no node accepts the key. */
export const KeyRevoked = defineEvent(
  'auth',
  'key_revoked',
  1,
  record({ ...identityFields, actor: Actor, reason: Type.Optional(ShortText) }),
)
/** A key was used from an address: appended at its first use at a node, then at most once a minute with the count since. */
export const KeyAccepted = defineEvent(
  'auth',
  'key_accepted',
  1,
  record({ ...identityFields, address: ShortText, count: Type.Integer({ minimum: 1 }) }),
)
/** Calls came without a key that is accepted: reported and counted as `requests.refused`, and stored in REFUSALS. */
export const KeyRejected = defineEvent(
  'auth',
  'key_rejected',
  2,
  record({
    ...identityFields,
    request: RequestId,
    address: ShortText,
    reason: Type.Union([
      Type.Literal('missing'),
      Type.Literal('malformed'),
      Type.Literal('unknown'),
      Type.Literal('revoked'),
      Type.Literal('expired'),
      Type.Literal('disabled'),
    ]),
    /** Calls that this event represents. */
    count: Type.Integer({ minimum: 1 }),
    /** The time in which they came, before the event's own; 0 for a single one. */
    windowMs: DurationMs,
  }),
  'refusals',
)
/** From here on the limits of another tier hold for the user. */
export const TierChanged = defineEvent(
  'auth',
  'tier_changed',
  2,
  record({ ...identityFields, from: TierName, to: TierName, actor: Actor }),
)

/** A person changed the password; every session but the one that did it has ended. */
export const PasswordChanged = defineEvent(
  'auth',
  'password_changed',
  1,
  record({ ...identityFields, actor: Actor, address: ShortText }),
)

/** From here on none of the user's keys and sessions is accepted. */
export const UserDisabled = defineEvent(
  'auth',
  'user_disabled',
  1,
  record({ ...identityFields, actor: Actor, reason: ShortText }),
)

/** The user's keys and sessions are accepted again. */
export const UserEnabled = defineEvent(
  'auth',
  'user_enabled',
  1,
  record({ ...identityFields, actor: Actor, reason: ShortText }),
)

/**
 * A user was erased: account, e-mail address, keys and sessions are deleted, and the id in earlier events no longer
 * belongs to a person. It is never given to another user.
 */
export const UserErased = defineEvent(
  'auth',
  'user_erased',
  1,
  record({ ...identityFields, actor: Actor, reason: ShortText }),
)

/** A one-time invitation to register was made. `user` is `all`, `key` the invitation's id; its token and address are nowhere in the log. */
export const InvitationCreated = defineEvent(
  'auth',
  'invitation_created',
  1,
  record({ ...identityFields, role: Role, tier: TierName, actor: Actor, expiresAt: EpochMs }),
)

/** An invitation can no longer be used. One that was used shows in `registered`, whose actor is `invitation:<id>`. */
export const InvitationRevoked = defineEvent(
  'auth',
  'invitation_revoked',
  1,
  record({ ...identityFields, actor: Actor, reason: ShortText }),
)

/**
 * A policy was changed by a person or a service. Where the change is about one identity the fields name it; else `user`
 * is `all` and `key` the policy. `from` and `to` are JSON texts, absent where there was or is no value.
 */
export const PolicyChanged = defineEvent(
  'auth',
  'policy_changed',
  1,
  record({
    ...identityFields,
    policy: ShortText,
    actor: Actor,
    changes: Type.Array(
      record({ path: ShortText, from: Type.Optional(LongText), to: Type.Optional(LongText) }),
      { minItems: 1, maxItems: 100 },
    ),
  }),
)

/**
 * A person ordered something at a service that acts through another one, whose own events name that service and not the
 * person. Appended before the order is carried out; the events that follow have its result. `user` is the user that it is
 * about, `key` the key or `portal`.
 */
export const OperatorOrdered = defineEvent(
  'auth',
  'operator_ordered',
  1,
  record({
    ...identityFields,
    actor: Actor,
    /** `set_tier`, `disable_user`, `create_key`, … */
    order: ShortText,
    /** What was asked for, such as the new tier. */
    wanted: Type.Optional(ShortText),
    reason: LongText,
  }),
)

/** A dead letter was put back to where it came from, under its own id. `user` is `all`, `key` `dl_<its sequence>`. */
export const LetterReplayed = defineEvent(
  'auth',
  'letter_replayed',
  2,
  record({
    ...identityFields,
    actor: Actor,
    reason: LongText,
    /** The dead letter, and the message that it is a copy of. */
    letter: LogPosition,
    original: LogPosition,
    event: ShortText,
  }),
)
