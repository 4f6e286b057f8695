import Type, { type Static } from 'typebox'
import { defineEvent } from '../envelope.ts'
import { LogPosition } from '../log-event.ts'
import { Actor, EpochMs, IncidentId, identityFields, LongText, record, ShortText } from './fields.ts'

export const Severity = Type.Union([
  Type.Literal('low'),
  Type.Literal('medium'),
  Type.Literal('high'),
  Type.Literal('critical'),
])
export type Severity = Static<typeof Severity>

/** The guard found abuse. `numbers` are the figures that crossed the rule's thresholds. */
export const IncidentOpened = defineEvent(
  'incidents',
  'opened',
  2,
  record({
    incident: IncidentId,
    ...identityFields,
    rule: ShortText,
    severity: Severity,
    explanation: LongText,
    numbers: Type.Record(Type.String({ maxLength: 64 }), Type.Number()),
    evidence: Type.Array(LogPosition, { maxItems: 50 }),
    action: Type.Union([Type.Literal('observed'), Type.Literal('throttled')]),
    until: Type.Optional(EpochMs),
  }),
)

/** What a report says, whether a model wrote it or the facts alone. */
export const IncidentReport = Type.Object(
  {
    verdict: Type.Union([
      Type.Literal('abuse'),
      Type.Literal('misconfiguration'),
      Type.Literal('legitimate_burst'),
      Type.Literal('undetermined'),
    ]),
    confidence: Type.Number({ minimum: 0, maximum: 1 }),
    severity: Severity,
    summary: LongText,
    likelyCause: LongText,
    recommendedAction: LongText,
    evidence: Type.Array(LogPosition, { maxItems: 50 }),
  },
  { additionalProperties: false },
)
export type IncidentReport = Static<typeof IncidentReport>

/** `source: facts` is appended at once; a later `source: model` supersedes it. */
export const IncidentReported = defineEvent(
  'incidents',
  'reported',
  2,
  record({
    incident: IncidentId,
    source: Type.Union([Type.Literal('facts'), Type.Literal('model')]),
    model: Type.Optional(ShortText),
    report: IncidentReport,
  }),
)

/** Another finding of a rule about an identity that has a young incident by the same rule: that one grows instead. */
export const IncidentJoined = defineEvent(
  'incidents',
  'joined',
  1,
  record({
    incident: IncidentId,
    ...identityFields,
    rule: ShortText,
    /** The incident that has grown. */
    into: IncidentId,
    /** Findings that it holds now, itself and this one among them. */
    findings: Type.Integer({ minimum: 2 }),
  }),
)
/** A person has seen the incident and looks after it. */
export const IncidentAcknowledged = defineEvent(
  'incidents',
  'acknowledged',
  1,
  record({ incident: IncidentId, actor: Actor, note: LongText }),
)
/** The incident is done with, by a person or because its throttle was pardoned. */
export const IncidentClosed = defineEvent(
  'incidents',
  'closed',
  1,
  record({ incident: IncidentId, actor: Actor, reason: LongText }),
)
