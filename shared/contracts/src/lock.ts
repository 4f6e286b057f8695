import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { EVENTS } from './catalog.ts'
import { envelopeAttributes } from './envelope.ts'
import { GatewayNode, GuardPolicy, LimitsPolicy, PriceList, Throttle } from './state.ts'

/**
 * The lock: a hash per schema that has been written to a log or a bucket. A changed schema is a new version with an
 * upcaster, never the old one with other fields. `npm run contracts:lock` adds what is new and refuses what changed.
 */
const LOCK_FILE = new URL('../contracts.lock.json', import.meta.url)

/**
 * Values of buckets carry no version. The number counts the changes of a schema, each of which reads every value that the
 * schemas before it allowed: fields and values are added, none is taken away.
 */
const STATES: Readonly<Record<string, readonly [version: number, schema: object]>> = {
  Throttle: [1, Throttle],
  GatewayNode: [1, GatewayNode],
  GuardPolicy: [1, GuardPolicy],
  LimitsPolicy: [1, LimitsPolicy],
  PriceList: [2, PriceList],
}

export type Lock = Record<string, string>

export function currentLock(): Lock {
  const lock: Lock = { envelope: hashOf(envelopeAttributes) }
  for (const event of EVENTS) lock[`${event.name}:${event.version}`] = hashOf(event.data)
  for (const [name, [version, schema]] of Object.entries(STATES)) {
    lock[version === 1 ? `state.${name}` : `state.${name}:${version}`] = hashOf(schema)
  }
  return lock
}

export function storedLock(): Lock {
  return JSON.parse(readFileSync(LOCK_FILE, 'utf8')) as Lock
}

/** Entries of `stored` that `current` has changed or lost. */
export function broken(stored: Lock, current: Lock): string[] {
  return Object.keys(stored).filter(name => name in current && stored[name] !== current[name])
}

function hashOf(schema: object): string {
  return createHash('sha256').update(canonical(schema)).digest('hex').slice(0, 32)
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`).join(',')}}`
}

if (import.meta.main && process.argv.includes('--write')) {
  const current = currentLock()
  let stored: Lock = {}
  try {
    stored = storedLock()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const changed = process.argv.includes('--force') ? [] : broken(stored, current)
  if (changed.length > 0) {
    console.error(`changed without a new version: ${changed.join(', ')}`)
    process.exitCode = 1
  } else {
    const merged = Object.fromEntries(
      Object.entries({ ...stored, ...current }).sort(([a], [b]) => (a < b ? -1 : 1)),
    )
    writeFileSync(LOCK_FILE, `${JSON.stringify(merged, null, 2)}\n`)
  }
}
