import type { JsonObject } from '@fluxgate/contracts'
import { MAX_CALL_TOKENS } from '@fluxgate/contracts'

/** A count that an upstream reports: whole, not negative, and no more than a call can have. Anything else is none. */
export function countOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= MAX_CALL_TOKENS
    ? value
    : undefined
}

/** The first of the named fields that holds a count. */
export function firstCount(object: JsonObject | undefined, ...names: readonly string[]): number | undefined {
  if (!object) return undefined
  for (const name of names) {
    const count = countOf(object[name])
    if (count !== undefined) return count
  }
  return undefined
}

export function objectOf(value: unknown): JsonObject | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : undefined
}

/** The objects of an array, at most `max` of them; an empty list for anything else. */
export function objectsOf(value: unknown, max: number): JsonObject[] {
  if (!Array.isArray(value)) return []
  const objects = value.slice(0, max).map(objectOf)
  return objects.filter(item => item !== undefined)
}

/** A name that an answer gives a model; servers send an empty one in chunks that belong to none. */
export function nameOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** A part of the whole: absent where there is none, and never more than the whole. */
export function partOf(count: number | undefined, whole: number | undefined): number | undefined {
  if (count === undefined || count === 0) return undefined
  return whole === undefined ? count : Math.min(count, whole)
}

/** Tools by name without those that were not used; undefined when none was. */
export function usedTools(tools: Readonly<Record<string, number | undefined>>) {
  const used: Record<string, number> = {}
  for (const name in tools) {
    const calls = tools[name]
    if (calls !== undefined && calls > 0) used[name] = calls
  }
  return Object.keys(used).length > 0 ? used : undefined
}
