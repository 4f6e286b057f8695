import { type FluxgateEvent, parseEvent } from '@fluxgate/contracts'
import type { Message } from './projected-log.ts'

/** One message of the log with one value in it changed. */
export interface Alteration {
  readonly stream: string
  readonly sequence: number
  readonly type: string
  /** Dotted path in the event, or `stored subject`. */
  readonly path: string
  readonly before: FluxgateEvent
  readonly altered: Message
}

export const STORED_SUBJECT = 'stored subject'

type Json = string | number | boolean | null | Json[] | { [name: string]: Json }

interface Stored extends Message {
  readonly stream: string
  readonly sequence: number
  readonly event: FluxgateEvent
  readonly json: Json
}

/** A value whose alteration nothing has named yet. */
interface Wanted {
  readonly type: string
  readonly path: string
  /** Messages in which it was altered. */
  readonly tried: Set<Stored>
}

/** An event may have no effect, as a pardon of a throttle that another has replaced: so many messages are tried. */
const MAX_TRIES = 4

/**
 * Alterations that change each value of each type of event, in rounds. Within a round no two messages are about one request,
 * incident or identity, so that what is found can be told apart. Where there is another value that the schema allows, that is
 * taken: one that another message of the type has, if possible.
 */
export class Alterations {
  readonly #byType = new Map<string, Stored[]>()
  #wanted: Wanted[]
  #round: Array<{ wanted: Wanted; alteration: Alteration }> = []
  made = 0

  constructor(log: ReadonlyMap<string, readonly Message[]>) {
    for (const [stream, messages] of log) {
      for (const [i, message] of messages.entries()) {
        const parsed = parseEvent(message.data)
        if (!parsed.ok) throw new Error(`${stream}:${i + 1}: ${parsed.reason}`)
        const json = JSON.parse(new TextDecoder().decode(message.data)) as Json
        const { type } = parsed.value
        if (!this.#byType.has(type)) this.#byType.set(type, [])
        this.#byType.get(type)!.push({ ...message, stream, sequence: i + 1, event: parsed.value, json })
      }
    }
    this.#wanted = [...this.#byType].flatMap(([type, stored]) => {
      const paths = new Set(stored.flatMap(({ json }) => leafPaths(json)))
      return [...paths, STORED_SUBJECT].map(path => ({ type, path, tried: new Set<Stored>() }))
    })
  }

  /** Empty when all was tried. */
  next(): Alteration[] {
    const entities = new Set<string>()
    this.#round = []
    for (const wanted of this.#wanted) {
      const { type, path, tried } = wanted
      const peers = this.#byType.get(type)!
      const chosen = peers.find(
        stored =>
          tried.size < MAX_TRIES &&
          !tried.has(stored) &&
          entitiesOf(stored.event).every(entity => !entities.has(entity)) &&
          (path === STORED_SUBJECT || valueAt(stored.json, path) !== undefined),
      )
      if (!chosen) continue
      for (const entity of entitiesOf(chosen.event)) entities.add(entity)
      tried.add(chosen)
      const { stream, sequence, event: before } = chosen
      const alteration = { stream, sequence, type, path, before, altered: alter(chosen, path, peers) }
      this.#round.push({ wanted, alteration })
    }
    this.made += this.#round.length
    return this.#round.map(({ alteration }) => alteration)
  }

  /** After a round. */
  sort(isNamed: (alteration: Alteration) => boolean): void {
    const named = new Set(
      this.#round.filter(({ alteration }) => isNamed(alteration)).map(({ wanted }) => wanted),
    )
    this.#wanted = this.#wanted.filter(wanted => !named.has(wanted))
  }

  /** Type → paths that nothing has named. */
  unnamed(): Record<string, string[]> {
    const found: Record<string, string[]> = {}
    for (const { type, path } of this.#wanted) found[type] = [...(found[type] ?? []), path]
    return found
  }
}
function alter({ subject, data, json }: Stored, path: string, peers: readonly Stored[]): Message {
  if (path === STORED_SUBJECT) return { subject: `${subject}x`, data }
  const before = valueAt(json, path)!
  const others = peers.map(peer => valueAt(peer.json, path)).filter(value => value !== undefined)
  const candidates = [...changed(before), ...others].filter(value => value !== before)
  const encode = (value: Json) => new TextEncoder().encode(JSON.stringify(withValue(json, path, value)))
  const allowed = candidates.find(value => parseEvent(encode(value)).ok)
  return { subject, data: encode(allowed ?? candidates[0]!) }
}

function changed(value: Json): Json[] {
  if (typeof value === 'number') return [value + 1, value - 1, value / 2]
  if (typeof value === 'boolean') return [!value]
  const text = String(value)
  return [
    `${text}x`,
    text.replace(/\d(?=\D*$)/, digit => String((Number(digit) + 1) % 10)),
    text.slice(0, -1),
  ]
}

/** What a message is about: findings name it. */
function entitiesOf({ id, subject, data }: FluxgateEvent): string[] {
  const { request, incident } = data as { request?: string; incident?: string }
  return [request ?? incident ?? id, subject]
}

function leafPaths(value: Json, prefix = ''): string[] {
  if (typeof value !== 'object' || value === null) return [prefix]
  return Object.entries(value).flatMap(([name, inner]) =>
    leafPaths(inner, prefix === '' ? name : `${prefix}.${name}`),
  )
}

function valueAt(json: Json, path: string): Json | undefined {
  return path
    .split('.')
    .reduce<Json | undefined>((at, name) => (at as { [name: string]: Json } | undefined)?.[name], json)
}

function withValue(json: Json, path: string, value: Json): Json {
  const copy = structuredClone(json)
  const names = path.split('.')
  const last = names.pop()!
  const inner = names.reduce<Json>((at, name) => (at as { [name: string]: Json })[name]!, copy)
  ;(inner as { [name: string]: Json })[last] = value
  return copy
}
