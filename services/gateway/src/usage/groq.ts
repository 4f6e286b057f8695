import type { JsonObject } from '@fluxgate/contracts'
import { NO_USAGE } from '@fluxgate/contracts'
import { chatCounts } from './chat-usage.ts'
import { nameOf, objectOf, objectsOf } from './counts.ts'
import { chatConvention, usageAnywhere } from './openai-chat.ts'
import type { Convention } from './reported.ts'
import { byModel, sumOfModels } from './sum-of-models.ts'

const MAX_MODELS = 100
const chat = chatConvention('groq', { usageIn: usageAnywhere })

/**
 * Groq. As OpenAI's chat; a chunk has the same usage at the top and in `x_groq`, which counts once. Compound systems call
 * several models, and `usage_breakdown.models` says how much each used.
 *
 * https://console.groq.com/docs/api-reference#chat-create and /docs/compound; `UsageBreakdown` of groq/groq-typescript
 */
export const groq: Convention = {
  ...chat,
  fold(before, part) {
    const found = chat.fold(before, part)
    const models = modelsIn(part)
    if (!found || models.length < 2) return found
    return { ...found, counts: sumOfModels(models), models }
  },
}

function modelsIn(part: JsonObject) {
  const breakdown = objectOf(part.usage_breakdown) ?? objectOf(objectOf(part.x_groq)?.usage_breakdown)
  const entries = objectsOf(breakdown?.models, MAX_MODELS).flatMap(entry => {
    const usage = objectOf(entry.usage)
    const read = usage && chatCounts(usage)
    return read ? [{ model: nameOf(entry.model) ?? '', usage: { ...NO_USAGE, ...read.counts } }] : []
  })
  return byModel(entries)
}
