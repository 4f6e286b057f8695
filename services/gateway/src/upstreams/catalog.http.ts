import { readJson } from '@fluxgate/contracts'
import type { Fleet } from './fleet.http.ts'
import type { LiveUpstream } from './live-upstream.http.ts'
import { mergeModels, readModelList } from './model-lists.ts'
import { type ListedModel, UpstreamError } from './upstream.ts'
import type { DialectName } from './upstream-spec.ts'

const FRESH_MS = 10_000
const TIMEOUT_MS = 3_000
const MAX_LIST_BYTES = 4 * 1024 * 1024

const LIST_PATHS: Readonly<Record<DialectName, string>> = Object.freeze({
  openai: '/v1/models',
  anthropic: '/v1/models?limit=1000',
  ollama: '/api/tags',
})

type Found = readonly ListedModel[] | undefined

interface Cached {
  readonly untilMs: number
  readonly found: Promise<Found>
}

/** Which models there are: those that the plan names, and those that upstreams without a full list name themselves. */
export class Catalog {
  readonly #fleet: Fleet
  /** Per upstream, so that one which is not in the plan any more is forgotten with its list. */
  readonly #cached = new WeakMap<LiveUpstream, Map<DialectName, Cached>>()

  constructor(fleet: Fleet) {
    this.#fleet = fleet
  }

  async list(dialect: DialectName): Promise<readonly ListedModel[]> {
    const asked = this.#fleet.live.filter(({ spec }) => spec.dialects.includes(dialect))
    const lists = await Promise.all(asked.map(upstream => this.#listOf(upstream, dialect)))
    const noneAnswered = asked.length > 0 && lists.every(list => list === undefined)
    if (!noneAnswered) return mergeModels(lists.map(list => list ?? []))
    throw new UpstreamError('upstream_unreachable', 'connect', 502, 'No model server listed its models.')
  }

  /** Undefined when nothing is known of it: it names no models itself and did not answer. */
  async #listOf(upstream: LiveUpstream, dialect: DialectName): Promise<Found> {
    const { names, spec } = upstream
    const known: ListedModel[] = names.known.map(id => ({
      id,
      createdS: 0,
      ownedBy: spec.name,
      raw: undefined,
    }))
    if (!names.open) return known
    const reported = await this.#ask(upstream, dialect)
    if (reported === undefined) return known.length > 0 ? known : undefined
    // What it calls by its own name only is not to be had under that name.
    const callable = reported.filter(({ id }) => names.ownName(id) === id)
    const more = new Set(callable.map(({ id }) => id))
    return [...callable, ...known.filter(({ id }) => !more.has(id))]
  }

  #ask(upstream: LiveUpstream, dialect: DialectName): Promise<Found> {
    const nowMs = this.#fleet.deps.nowMs()
    const byDialect = this.#cached.get(upstream) ?? new Map<DialectName, Cached>()
    this.#cached.set(upstream, byDialect)
    const cached = byDialect.get(dialect)
    if (cached && nowMs < cached.untilMs) return cached.found
    // A failure is remembered as well, so that a dead upstream does not slow every list down.
    const found = upstream.isUp(nowMs) ? fetchList(upstream, dialect) : Promise.resolve(undefined)
    byDialect.set(dialect, { untilMs: nowMs + FRESH_MS, found })
    return found
  }
}

async function fetchList({ pool, spec }: LiveUpstream, dialect: DialectName): Promise<Found> {
  try {
    const { statusCode, body } = await pool.request({
      path: spec.prefix + LIST_PATHS[dialect],
      method: 'GET',
      headers: {
        'accept-encoding': 'identity',
        ...(dialect === 'anthropic' ? { 'anthropic-version': '2023-06-01' } : {}),
        ...spec.headers,
      },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    if (statusCode !== 200) {
      await body.dump({ limit: MAX_LIST_BYTES })
      return undefined
    }
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.length
      // Leaving the loop ends the call.
      if (bytes > MAX_LIST_BYTES) return undefined
      chunks.push(chunk)
    }
    const read = readJson(Buffer.concat(chunks), { maxSize: MAX_LIST_BYTES })
    return read.ok ? readModelList(read.value, dialect) : undefined
  } catch {
    // Down, too slow or not a list: the others' models are told all the same.
    return undefined
  }
}
