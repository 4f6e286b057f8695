import type { JsonObject } from '@fluxgate/contracts'
import { chatCounts, type OutputRule } from './chat-usage.ts'
import { nameOf, objectOf, objectsOf } from './counts.ts'
import type { Convention, ReportedUsage } from './reported.ts'

/** Where a usage object of the chat family is; the first that is an object with something in it. */
export type UsageIn = (part: JsonObject) => JsonObject | undefined

const atTop: UsageIn = part => objectOf(part.usage)

/** A convention of the chat family that differs from OpenAI's in where usage is or in what its output includes. */
export function chatConvention(
  name: string,
  { usageIn = atTop, output }: { usageIn?: UsageIn; output?: OutputRule } = {},
): Convention {
  return {
    name,
    fold(before, part) {
      const raw = usageIn(part)
      const read = raw && chatCounts(raw, output)
      return read ? reported(name, raw, read) : before
    },
    modelIn: part => nameOf(part.model),
  }
}

export function reported(
  vendor: string,
  raw: unknown,
  { counts, unbalanced = false }: { counts: ReportedUsage['counts']; unbalanced?: boolean },
): ReportedUsage {
  return { counts, models: undefined, vendor, raw, unbalanced }
}

/**
 * Where servers that speak OpenAI's chat API put usage: at the top; Moonshot in the choice of the last chunk; Groq in
 * `x_groq`, beside the one at the top, which is the same.
 */
export const usageAnywhere: UsageIn = part => {
  const [choice] = objectsOf(part.choices, 1)
  return filled(part.usage) ?? filled(choice?.usage) ?? filled(objectOf(part.x_groq)?.usage)
}

function filled(value: unknown): JsonObject | undefined {
  const object = objectOf(value)
  return object && Object.keys(object).length > 0 ? object : undefined
}

/**
 * OpenAI chat completions, completions and embeddings, and Azure's. `completion_tokens` includes reasoning and rejected
 * predictions; from gpt-5.6 on `prompt_tokens_details.cache_write_tokens` is billed, inside the prompt.
 *
 * https://platform.openai.com/docs/api-reference/chat/object (schema `CompletionUsage` of openai/openai-openapi), and
 * https://learn.microsoft.com/azure/foundry-classic/openai/how-to/prompt-caching
 */
export const openaiChat = chatConvention('openai-chat')
