import type { UpstreamSpec } from './upstream-spec.ts'

/** Which models an upstream serves, and what it calls them. */
export interface ModelNames {
  /** The upstream's own name for a model, or undefined when it does not serve it. No model ('') is served by all. */
  ownName(model: string): string | undefined
  /** Public names that are known without asking: exact ones and aliases. */
  readonly known: readonly string[]
  /** True when there may be more than the known ones: patterns, or no list at all. */
  readonly open: boolean
  /** True without a list: every model may be served. */
  readonly unlisted: boolean
}

export function modelNames({ models, aliases }: Pick<UpstreamSpec, 'models' | 'aliases'>): ModelNames {
  const renamed = new Map(Object.entries(aliases))
  const unlisted = models === undefined && renamed.size === 0
  const listed = models ?? []
  const exact = new Set(listed.filter(name => !name.includes('*')))
  const patterns = listed.filter(name => name.includes('*'))
  return {
    known: [...exact, ...[...renamed.keys()].filter(name => !exact.has(name))],
    open: unlisted || patterns.length > 0,
    unlisted,
    ownName(model) {
      if (model === '') return model
      const own = renamed.get(model)
      if (own !== undefined) return own
      if (unlisted || exact.has(model)) return model
      return patterns.some(pattern => matches(pattern, model)) ? model : undefined
    },
  }
}

/** Whether `*` in the pattern, each standing for any text, makes it the name. Linear in the name for each star. */
export function matches(pattern: string, name: string): boolean {
  const parts = pattern.split('*')
  const first = parts[0]!
  if (parts.length === 1) return pattern === name
  const last = parts.at(-1)!
  if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last))
    return false
  let at = first.length
  const end = name.length - last.length
  for (const part of parts.slice(1, -1)) {
    const found = name.indexOf(part, at)
    if (found === -1 || found + part.length > end) return false
    at = found + part.length
  }
  return true
}

/** The fallbacks of a model: those under its exact name, else under the longest pattern that matches. */
export function fallbacksOf(
  fallbacks: Readonly<Record<string, readonly string[]>>,
  model: string,
): readonly string[] {
  if (Object.hasOwn(fallbacks, model)) return fallbacks[model]!
  let best = ''
  for (const pattern in fallbacks) {
    if (pattern.length > best.length && pattern.includes('*') && matches(pattern, model)) best = pattern
  }
  return best === '' ? [] : fallbacks[best]!.filter(name => name !== model)
}
