import { GuardPolicy, jsonParser } from '@fluxgate/contracts'
import { wholePolicy } from '@fluxgate/guard-core'

export type PatchedPolicy =
  | { readonly ok: true; readonly policy: GuardPolicy }
  | { readonly ok: false; readonly reason: string }

type Json = Record<string, unknown>

const parsePolicy = jsonParser(GuardPolicy)
const encoder = new TextEncoder()

/** A policy with some of its parts changed. An `action` and a list are replaced as a whole, all else field by field. */
export function patchedPolicy(base: GuardPolicy, patch: Json): PatchedPolicy {
  const { rules, penalty, repeat, graceMs, allowedIdentities, allowedAddresses } = wholePolicy(base)
  const allow = { identities: [...allowedIdentities], addresses: [...allowedAddresses] }
  const whole: Json = { rules, penalty, repeat, graceMs, allow }
  const strange = [...unknownIn('', patch, whole), ...unknownIn('rules.', patch.rules, { ...rules })]
  if (strange.length > 0) return { ok: false, reason: strange.join(' ') }
  const parsed = parsePolicy(encoder.encode(JSON.stringify(merged(whole, patch))))
  return parsed.ok ? { ok: true, policy: parsed.value } : parsed
}

function unknownIn(path: string, patch: unknown, known: Json): string[] {
  if (!isObject(patch)) return []
  return Object.keys(patch)
    .filter(name => !Object.hasOwn(known, name))
    .map(
      name =>
        `There is no ${JSON.stringify(`${path}${name}`.slice(0, 100))}; there are ${Object.keys(known).join(', ')}.`,
    )
}

function merged(base: Json, patch: Json): Json {
  const result = { ...base }
  for (const [name, value] of Object.entries(patch)) {
    const before = Object.hasOwn(base, name) ? base[name] : undefined
    result[name] = name !== 'action' && isObject(value) && isObject(before) ? merged(before, value) : value
  }
  return result
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
