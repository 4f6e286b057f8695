import type { JsonObject } from '@fluxgate/contracts'
import { chatCounts, withoutAbsent } from './chat-usage.ts'
import { firstCount, nameOf, objectOf, partOf } from './counts.ts'
import { reported, usageAnywhere } from './openai-chat.ts'
import type { Convention } from './reported.ts'

const NAME = 'llama-cpp'

/**
 * llama.cpp's server. `usage` as OpenAI's; beside it, and without it where usage was not asked for, `timings`, whose
 * `prompt_n` leaves out what came from the cache (`cache_n`).
 *
 * https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md (sections "timings" and "usage")
 */
export const llamaCpp: Convention = {
  name: NAME,
  fold(before, part) {
    const timings = objectOf(part.timings)
    const usage = usageAnywhere(part)
    const read = usage && chatCounts(usage)
    if (read) {
      const { counts } = read
      const cached = counts.cachedInput ?? partOf(firstCount(timings, 'cache_n'), counts.input)
      const raw = timings ? { ...usage, timings } : usage
      return reported(NAME, raw, { ...read, counts: withoutAbsent({ ...counts, cachedInput: cached }) })
    }
    const timed = before === undefined && timings ? timedCounts(timings) : undefined
    return timed ? reported(NAME, { timings }, { counts: timed }) : before
  },
  modelIn: part => nameOf(part.model),
}

/** Undefined when these are no timings of a finished answer. */
export function timedCounts(timings: JsonObject) {
  const fresh = firstCount(timings, 'prompt_n')
  const output = firstCount(timings, 'predicted_n')
  if (fresh === undefined || output === undefined) return undefined
  const cached = firstCount(timings, 'cache_n') ?? 0
  const input = fresh + cached
  return withoutAbsent({ input, cachedInput: partOf(cached, input), output })
}
