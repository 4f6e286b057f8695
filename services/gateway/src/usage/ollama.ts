import { firstCount, nameOf } from './counts.ts'
import { reported } from './openai-chat.ts'
import type { Convention } from './reported.ts'

const NAME = 'ollama'
/** A model was loaded or unloaded, and nothing generated. */
const NO_ANSWER = new Set<unknown>(['load', 'unload'])

/**
 * Ollama's native API. The counts are in the line (or answer) with `done`, and one of them that is zero is left out:
 * where the other is there, it is none. `prompt_eval_count` includes what came from the cache.
 *
 * https://docs.ollama.com/api/usage; `Metrics` of ollama/ollama `api/types.go` (both `omitempty`)
 */
export const ollama: Convention = {
  name: NAME,
  fold(before, part) {
    const input = firstCount(part, 'prompt_eval_count')
    const output = firstCount(part, 'eval_count')
    const isDone = part.done === true
    const isNothing = input === undefined && output === undefined
    if (isNothing && !(isDone && NO_ANSWER.has(part.done_reason))) return before
    const { prompt_eval_count, eval_count } = part
    const raw = { prompt_eval_count, eval_count }
    if (isDone) return reported(NAME, raw, { counts: { input: input ?? 0, output: output ?? 0 } })
    return reported(NAME, raw, {
      counts: { ...(input === undefined ? {} : { input }), ...(output === undefined ? {} : { output }) },
    })
  },
  modelIn: part => nameOf(part.model),
}
