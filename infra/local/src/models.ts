import { freePort } from '@fluxgate/testing'
import type { LocalConfig } from './config.ts'
import { SIMULATOR_DEFAULTS } from './simulator/config.ts'

const PROBE_LIMIT_MS = 700

/** Where answers come from. */
export interface Models {
  /** Empty: the services' own settings say it. */
  readonly upstreamUrls: readonly string[]
  /** The Ollama that writes incident reports. */
  readonly ollamaUrl: string
  /** A model to try. */
  readonly model: string
  readonly words: string
  readonly simulator: { readonly port: number; readonly models: readonly string[] } | undefined
}

/** The upstreams that are set, else an Ollama that answers, else a simulator of our own. */
export async function chooseModels(config: LocalConfig): Promise<Models> {
  const { upstreamUrls, ollamaUrl, llmModel } = config
  const model = llmModel
  if (config.hasUpstream) {
    const words =
      upstreamUrls.length > 0 ? upstreamUrls.map(url => new URL(url).host).join(', ') : 'UPSTREAMS_FILE'
    return { upstreamUrls, ollamaUrl, model, words, simulator: undefined }
  }
  const found = await ollamaModels(ollamaUrl)
  if (found) {
    const has = found.find(name => name === llmModel || name === `${llmModel}:latest`)
    const words = `Ollama at ${ollamaUrl}${has ? '' : ` (incident reports need: ollama pull ${llmModel})`}`
    return {
      upstreamUrls: [ollamaUrl],
      ollamaUrl,
      model: has ?? found[0] ?? model,
      words,
      simulator: undefined,
    }
  }
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const models = [...new Set([llmModel, ...SIMULATOR_DEFAULTS.models])]
  const words = `a simulator (no Ollama answers at ${ollamaUrl}; set DOWNSTREAM_AI_URLS for real models)`
  return { upstreamUrls: [url], ollamaUrl: url, model, words, simulator: { port, models } }
}

/** The names of an Ollama's models, or undefined when none answers there. */
async function ollamaModels(url: string): Promise<string[] | undefined> {
  try {
    const reply = await fetch(new URL('/api/tags', url), { signal: AbortSignal.timeout(PROBE_LIMIT_MS) })
    if (!reply.ok) return undefined
    const { models } = (await reply.json()) as { models?: { name?: string }[] }
    return (models ?? []).flatMap(({ name }) => name ?? [])
  } catch {
    return undefined
  }
}
