import type { Usage } from './tap.ts'

const PROMPT = ['prompt_tokens', 'input_tokens', 'prompt_eval_count'] as const
const COMPLETION = ['completion_tokens', 'output_tokens', 'eval_count'] as const

/**
 * Reads token counts from OpenAI's `usage` (chat, completions, embeddings, responses), Anthropic's `usage` and Ollama's
 * last line. Numbers that are not whole and non-negative count as absent: an upstream's answer is not trusted.
 */
export function readUsage(value: unknown): Usage | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const fresh = count(value, PROMPT)
  const completion = count(value, COMPLETION)
  if (fresh === undefined && completion === undefined) return undefined
  // Anthropic's input_tokens leave out what came from or went to its prompt cache; OpenAI's include it.
  const read = count(value, ['cache_read_input_tokens'])
  const written = count(value, ['cache_creation_input_tokens'])
  const prompt = fresh === undefined ? undefined : fresh + (read ?? 0) + (written ?? 0)
  const cached = read ?? detail(value, 'prompt_tokens_details') ?? detail(value, 'input_tokens_details')
  return {
    ...(prompt === undefined ? {} : { prompt }),
    ...(completion === undefined ? {} : { completion }),
    ...(prompt === undefined || cached === undefined ? {} : { cached: Math.min(cached, prompt) }),
  }
}

function detail(value: object, name: string): number | undefined {
  const details = (value as Record<string, unknown>)[name]
  return typeof details === 'object' && details !== null ? count(details, ['cached_tokens']) : undefined
}

function count(value: object, names: readonly string[]): number | undefined {
  for (const name of names) {
    const found = (value as Record<string, unknown>)[name]
    if (typeof found === 'number' && Number.isSafeInteger(found) && found >= 0) return found
  }
  return undefined
}

/** Later reports win, field by field. */
export function mergeUsage(before: Usage | undefined, found: Usage | undefined): Usage | undefined {
  return before && found ? { ...before, ...found } : (found ?? before)
}
