import { anthropic } from './anthropic.ts'
import type { Dialect } from './dialect.ts'
import { ollama } from './ollama.ts'
import { openai } from './openai.ts'

/** The dialect of the path called: every answer of ours to it, errors included, is in that dialect. */
export function dialectOf(path: string): Dialect {
  if (path.startsWith('/api/')) return ollama
  return path === '/v1/messages' || path.startsWith('/v1/messages/') ? anthropic : openai
}

const DIALECTS: Readonly<Record<Dialect['name'], Dialect>> = Object.freeze({ openai, anthropic, ollama })

export function dialectNamed(name: Dialect['name']): Dialect {
  return DIALECTS[name]
}
