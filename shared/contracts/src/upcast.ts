import type { EventDefinition } from './envelope.ts'
import type { Parsed } from './parse.ts'

/** Turns the `data` of version n into that of version n + 1. */
export type Upcaster = (data: unknown) => unknown

/** `<stream>.<fact>` → upcasters from version 1 on. An event whose schema changes gets a new version and an entry here. */
export const UPCASTERS: Readonly<Record<string, readonly Upcaster[]>> = Object.freeze({
  // These versions only widen: any tier name, more reasons, and fields that may be absent.
  'requests.admitted': [unchanged],
  'requests.refused': [unchanged, countedOnce],
  'requests.completed': [unchanged, unchanged],
  'requests.failed': [unchanged, unchanged],
  'requests.interrupted': [unchanged, unchanged],
  'tokens.progressed': [unchanged],
  'tokens.settled': [unchanged, usageOfSettled],
  'auth.registered': [unchanged],
  'auth.tier_changed': [unchanged],
  'auth.key_rejected': [countedOnce],
  'auth.letter_replayed': [unchanged],
  'throttles.imposed': [unchanged],
  'throttles.shadowed': [unchanged],
  'incidents.opened': [unchanged],
  'incidents.reported': [unchanged],
})

/** Every refusal had an event of its own. */
function countedOnce(data: unknown): unknown {
  return { ...(data as object), count: 1, windowMs: 0 }
}

/** Version 3 of `tokens.settled` has the counts in `usage`. */
function usageOfSettled(data: unknown): unknown {
  if (typeof data !== 'object' || data === null) return data
  const { prompt, completion, cached, ...rest } = data as Record<string, unknown>
  const usage = { input: prompt, output: completion }
  return { ...rest, usage: cached === undefined ? usage : { ...usage, cachedInput: cached } }
}

function unchanged(data: unknown): unknown {
  return data
}

/** Brings a raw event to its definition's current version; a version from the future is a fault, not a guess. */
export function upcast(
  raw: Record<string, unknown>,
  definition: EventDefinition,
  upcasters = UPCASTERS,
): Parsed<Record<string, unknown>> {
  if (raw.dataschema === definition.dataschema) return { ok: true, value: raw }
  const prefix = `urn:fluxgate:${definition.name}:`
  const schema = typeof raw.dataschema === 'string' ? raw.dataschema : ''
  const version = schema.startsWith(prefix) ? Number(schema.slice(prefix.length)) : Number.NaN
  if (!Number.isInteger(version) || version < 1) {
    return { ok: false, reason: `dataschema is not a version of ${definition.name}` }
  }
  const steps = upcasters[definition.name] ?? []
  if (version > definition.version || steps.length < definition.version - 1) {
    return {
      ok: false,
      reason: `no way from version ${version} of ${definition.name} to ${definition.version}`,
    }
  }
  let data = raw.data
  for (let from = version; from < definition.version; from++) data = steps[from - 1]!(data)
  return { ok: true, value: { ...raw, dataschema: definition.dataschema, data } }
}
