import type { PolicyChange } from './views.ts'

/** Limits of `auth.policy_changed`. */
const MAX_CHANGES = 100
const MAX_PATH_CHARS = 256
const MAX_TEXT_CHARS = 4_000

/** What differs between two JSON values, leaf by leaf; a list is a leaf. The last change says how many more there are. */
export function policyChanges(from: unknown, to: unknown): readonly PolicyChange[] {
  const changes: PolicyChange[] = []
  compare('', from, to, changes)
  if (changes.length <= MAX_CHANGES) return changes
  const rest = changes.length - MAX_CHANGES + 1
  return [...changes.slice(0, MAX_CHANGES - 1), { path: `and ${rest} more` }]
}

function compare(path: string, from: unknown, to: unknown, changes: PolicyChange[]): void {
  if (isRecord(from) && isRecord(to)) {
    for (const name of new Set([...Object.keys(from), ...Object.keys(to)])) {
      compare(`${path}/${name}`, from[name], to[name], changes)
    }
    return
  }
  const [before, after] = [JSON.stringify(from), JSON.stringify(to)]
  if (before === after) return
  changes.push({
    path: path.slice(0, MAX_PATH_CHARS) || '/',
    ...(before === undefined ? {} : { from: before.slice(0, MAX_TEXT_CHARS) }),
    ...(after === undefined ? {} : { to: after.slice(0, MAX_TEXT_CHARS) }),
  })
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
