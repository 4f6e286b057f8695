/** What a PromQL expression asks for, as far as names go. */
export interface Asked {
  readonly metrics: readonly string[]
  readonly labels: readonly string[]
  /** Of matchers such as `outcome="failed"`. */
  readonly values: readonly string[]
}

const WORDS = new Set(['or', 'and', 'unless', 'bool'])
const GROUPING = /\b(?:by|without|on|ignoring)\s*\(([^)]*)\)/g
const MATCHERS = /\{([^}]*)\}/g
const names = (text: string) => text.split(',').map(part => part.trim().split(/[=!~]/)[0]!.trim())

export function askedBy(expression: string): Asked {
  const matchers = [...expression.matchAll(MATCHERS)].map(([, inner]) => inner!)
  const groups = [...expression.matchAll(GROUPING)].map(([, inner]) => inner!)
  const rest = expression
    .replaceAll(GROUPING, ' ')
    .replaceAll(MATCHERS, ' ')
    .replaceAll(/\[\w+\]/g, ' ')
  const words = [...rest.matchAll(/\b[a-z_][a-zA-Z0-9_:]*\b(?!\s*\()/g)].map(([word]) => word)
  return {
    metrics: [...new Set(words.filter(word => !WORDS.has(word)))],
    labels: [...new Set([...matchers, ...groups].flatMap(names).filter(name => name !== ''))],
    values: matchers.flatMap(inner => [...inner.matchAll(/=~?"([^"]*)"/g)].map(([, value]) => value!)),
  }
}
