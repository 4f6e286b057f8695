import Type, { type Static, type TSchema } from 'typebox'

/**
 * CloudEvents 1.0 attributes in the JSON format (structured mode), around typed `data`.
 * `sequence` (an extension) counts the events of one `source` from 1, so that a gap can be seen.
 * `traceparent` (the distributed tracing extension) is the W3C header of the request that caused the event.
 */
export const envelopeAttributes = {
  specversion: Type.Literal('1.0'),
  id: Type.String({ pattern: '^[0-9A-Za-z_-]{16,64}$' }),
  source: Type.String({ minLength: 1, maxLength: 200 }),
  subject: Type.String({ minLength: 1, maxLength: 129 }),
  time: Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?Z$' }),
  sequence: Type.Integer({ minimum: 1 }),
  traceparent: Type.Optional(Type.String({ pattern: '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$' })),
}

export type StreamName = 'requests' | 'tokens' | 'auth' | 'throttles' | 'incidents' | 'refusals'

/** One kind of event: its place in the log, its version and the schema of its `data`. */
export interface EventDefinition<Name extends string = string, Data extends TSchema = TSchema> {
  readonly stream: StreamName
  readonly kind: string
  /** `<stream>.<fact>` */
  readonly name: Name
  readonly version: number
  /** CloudEvents `type`: `fluxgate.<stream>.<fact>` */
  readonly type: `fluxgate.${Name}`
  /** CloudEvents `dataschema`: `urn:fluxgate:<stream>.<fact>:<version>` */
  readonly dataschema: string
  readonly data: Data
  /** Where it is stored instead when it is about a caller without an identity: strangers must not fill what others need. */
  readonly strangers?: StreamName
}

/** The event a definition describes, as it stands in the log. */
export type EventOf<D> =
  D extends EventDefinition<infer Name, infer Data>
    ? {
        specversion: '1.0'
        id: string
        source: string
        type: `fluxgate.${Name}`
        subject: string
        time: string
        dataschema: string
        sequence: number
        traceparent?: string
        data: Static<Data>
      }
    : never

export function defineEvent<S extends StreamName, F extends string, Data extends TSchema>(
  stream: S,
  kind: F,
  version: number,
  data: Data,
  strangers?: StreamName,
): EventDefinition<`${S}.${F}`, Data> {
  const name = `${stream}.${kind}` as const
  return Object.freeze({
    stream,
    kind: kind,
    name,
    version,
    type: `fluxgate.${name}` as const,
    dataschema: `urn:fluxgate:${name}:${version}`,
    data,
    ...(strangers === undefined ? {} : { strangers }),
  })
}
