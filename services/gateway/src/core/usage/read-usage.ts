import type { Usage } from './tap.ts'

const PROMPT = ['prompt_tokens', 'input_tokens', 'prompt_eval_count'] as const
const COMPLETION = ['completion_tokens', 'output_tokens', 'eval_count'] as const
const CACHED = ['cache_creation_input_tokens', 'cache_read_input_tokens'] as const

/**
 * Reads token counts from OpenAI's `usage` (chat, completions, embeddings, responses), Anthropic's `usage` and Ollama's
 * last line. Numbers that are not whole and non-negative count as absent: an upstream's answer is not trusted.
 */
export function readUsage(value: unknown): Partial<Usage> | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const prompt = count(value, PROMPT)
  const completion = count(value, COMPLETION)
  if (prompt === undefined && completion === undefined) return undefined
  // Anthropic's input_tokens leave out what came from or went to its prompt cache.
  const cached = CACHED.reduce((sum, name) => sum + (count(value, [name]) ?? 0), 0)
  return {
    ...(prompt === undefined ? {} : { prompt: prompt + cached }),
    ...(completion === undefined ? {} : { completion }),
  }
}

function count(value: object, names: readonly string[]): number | undefined {
  for (const name of names) {
    const found = (value as Record<string, unknown>)[name]
    if (typeof found === 'number' && Number.isSafeInteger(found) && found >= 0) return found
  }
  return undefined
}

/** Later reports win, field by field. */
export function mergeUsage(before: Usage | undefined, found: Partial<Usage> | undefined): Usage | undefined {
  if (!found) return before
  return {
    prompt: found.prompt ?? before?.prompt ?? 0,
    completion: found.completion ?? before?.completion ?? 0,
  }
}
