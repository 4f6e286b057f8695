import type { LookupFunction } from 'node:net'
import { OWN_ROOM, type Room } from '@fluxgate/contracts'
import { ConfigError, type Log, readText, watchFile } from '@fluxgate/runtime'
import { Catalog } from './catalog.http.ts'
import { Delivery } from './delivery.http.ts'
import { Fleet } from './fleet.http.ts'
import { DEFAULT_POLICY } from './routing-policy.ts'
import type { Upstreams } from './upstream.ts'
import { type RoutingPlan, specOfUrl, type UpstreamDefaults, withSimpleUpstreams } from './upstream-spec.ts'
import type { FileReport, RoutingReport } from './upstream-status.ts'
import { type EnvLookup, parseUpstreamsFile } from './upstreams-file.ts'

export interface UpstreamsConfig {
  /** Base URLs that serve every model in every dialect. */
  readonly urls: readonly string[]
  readonly file: UpstreamsFileConfig | undefined
  readonly defaults: UpstreamDefaults
}

export interface UpstreamsFileConfig {
  readonly path: string
  /** For the references to the environment in the file. */
  readonly env: EnvLookup
  readonly pollMs: number
}

export interface UpstreamsDeps {
  readonly lookup?: LookupFunction | undefined
  readonly log?: Pick<Log, 'info' | 'warn'>
  readonly nowMs?: () => number
  readonly epochMs?: () => number
  /** Numbers from 0 up to 1. */
  readonly random?: () => number
  /** Shared by all that is held of answers. */
  readonly room?: Room
}

export interface OpenUpstreams extends Upstreams {
  report(): RoutingReport
  /** Scheme, host and port of an upstream of the plan in force. */
  originOf(name: string): string | undefined
  /** Why `UPSTREAMS_FILE` as it is now is not in force. */
  fileFault(): string | undefined
}

const NO_FILE: RoutingPlan = { upstreams: [], fallbacks: {}, policy: DEFAULT_POLICY }

/**
 * The model servers of `DOWNSTREAM_AI_URLS` and `UPSTREAMS_FILE` together; changes of the file are taken up as they
 * come. A file that is wrong at the start is a {@link ConfigError}; one that is wrong later leaves the old plan in force.
 */
export async function openUpstreams(
  config: UpstreamsConfig,
  deps: UpstreamsDeps = {},
): Promise<OpenUpstreams> {
  const { lookup, log, nowMs = () => performance.now(), epochMs = Date.now, random = Math.random } = deps
  const { room = OWN_ROOM } = deps
  const { file, defaults } = config
  const simple = config.urls.map(url => specOfUrl(url, defaults))
  const planOf = (text: string) => {
    const parsed = parseUpstreamsFile(text, file!.env, defaults)
    return parsed.ok ? { ...parsed, plan: withSimpleUpstreams(parsed.plan, simple) } : parsed
  }
  const text = file ? await startText(file.path) : ''
  const parsed = file ? planOf(text) : { ok: true as const, plan: withSimpleUpstreams(NO_FILE, simple) }
  if (!parsed.ok) throw new ConfigError(parsed.faults.map(fault => `UPSTREAMS_FILE: ${fault}`))
  const { plan } = parsed
  const fleet = new Fleet(plan, { lookup, nowMs, epochMs, random, room })
  const catalog = new Catalog(fleet)
  let status: FileReport | null = file
    ? { path: file.path, loadedAt: epochMs(), reloads: 0, fault: null }
    : null

  const broken = (reason: string) => {
    if (!status) return
    status = { ...status, fault: reason }
    log?.warn({ file: status.path, reason }, 'UPSTREAMS_FILE is broken; the upstreams stay as they were')
  }
  const watcher =
    file &&
    watchFile(file.path, text, file.pollMs, {
      onText(changed) {
        const parsed = planOf(changed)
        if (!parsed.ok) return broken(parsed.faults.join('; '))
        fleet.apply(parsed.plan)
        const reloads = (status?.reloads ?? 0) + 1
        status = { path: file.path, loadedAt: epochMs(), reloads, fault: null }
        log?.info({ file: file.path, upstreams: parsed.plan.upstreams.length }, 'UPSTREAMS_FILE taken up')
      },
      onFault: broken,
    })

  return {
    send(request, listener) {
      new Delivery(fleet, request, listener).begin()
    },
    serves(model, dialect) {
      // With nothing configured, or no model named, there is no list that it could be missing from.
      if (fleet.live.length === 0 || model === '' || fleet.routeOf(model, dialect).length > 0) return true
      return fleet.fallbacksOf(model).some(fallback => fleet.routeOf(fallback, dialect).length > 0)
    },
    listModels: dialect => catalog.list(dialect),
    report: () => ({
      upstreams: fleet.live.map(upstream => upstream.status()),
      waiting: fleet.waiting,
      ...fleet.counts,
      file: status,
    }),
    originOf: name => fleet.live.find(({ spec }) => spec.name === name)?.spec.origin,
    fileFault: () => status?.fault ?? undefined,
    async [Symbol.asyncDispose]() {
      watcher?.[Symbol.dispose]()
      await fleet.destroy()
    },
  }
}

async function startText(path: string): Promise<string> {
  return readText(path).catch((error: Error) => {
    throw new ConfigError([`UPSTREAMS_FILE cannot be read: ${error.message}`])
  })
}
