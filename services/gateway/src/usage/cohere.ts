import type { JsonObject } from '@fluxgate/contracts'
import { withoutAbsent } from './chat-usage.ts'
import { firstCount, nameOf, objectOf, partOf, usedTools } from './counts.ts'
import { reported } from './openai-chat.ts'
import type { Convention } from './reported.ts'

const NAME = 'cohere'

/**
 * Cohere chat, embed and rerank. What is billed is in `billed_units`; `tokens` also counts what Cohere adds to a prompt,
 * and is kept in the raw usage. `usage` in chat (in a stream in the last event's `delta`), `meta` in embed and rerank. A
 * rerank is billed by search units, and reports tokens only of the models that are billed by them.
 *
 * https://docs.cohere.com/reference/chat, /reference/embed and /reference/rerank; `ApiMetaBilledUnits` and `Usage` of
 * cohere-ai/cohere-typescript
 */
export const cohere: Convention = {
  name: NAME,
  fold(before, part) {
    const raw = cohereUsage(part)
    const counts = raw && countsOf(raw)
    return counts ? reported(NAME, raw, { counts }) : before
  },
  modelIn: part => nameOf(part.model),
}

/** The object with `billed_units` or `tokens`; undefined in parts of other vendors. */
export function cohereUsage(part: JsonObject): JsonObject | undefined {
  for (const found of [objectOf(part.meta), objectOf(part.usage), objectOf(objectOf(part.delta)?.usage)]) {
    if (found && (objectOf(found.billed_units) || objectOf(found.tokens))) return found
  }
  return undefined
}

function countsOf(usage: JsonObject) {
  const billed = objectOf(usage.billed_units)
  const real = objectOf(usage.tokens)
  const input = firstCount(billed, 'input_tokens') ?? firstCount(real, 'input_tokens')
  const output = firstCount(billed, 'output_tokens') ?? firstCount(real, 'output_tokens')
  const tools = usedTools({
    searchUnits: firstCount(billed, 'search_units'),
    classifications: firstCount(billed, 'classifications'),
  })
  if (input === undefined && output === undefined && !tools) return undefined
  const images = partOf(firstCount(billed, 'images'), undefined)
  return withoutAbsent({ input, output, images, tools })
}
