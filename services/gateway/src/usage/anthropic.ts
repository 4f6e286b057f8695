import type { JsonObject } from '@fluxgate/contracts'
import { NO_USAGE, type Usage } from '@fluxgate/contracts'
import { withoutAbsent } from './chat-usage.ts'
import { countOf, firstCount, nameOf, objectOf, objectsOf, partOf, usedTools } from './counts.ts'
import type { Convention, Counts, ReportedModel, ReportedUsage } from './reported.ts'
import { byModel, sumOfModels } from './sum-of-models.ts'

const NAME = 'anthropic'
/** Passes of one answer (compaction, advisor, fallback); a longer list is not read. */
const MAX_ITERATIONS = 1_000

/**
 * Anthropic messages, also on Vertex and through Bedrock's InvokeModel. `input_tokens` leaves out what was read from and
 * written to the cache. In a stream `message_start` has the input, and every field of a `message_delta` replaces it:
 * they are cumulative, but for zeros that some servers send there. The lifetimes of cache writes are in the start alone.
 *
 * `iterations` lists the passes of one answer. A compaction is billed and in no other figure. An advisor is billed as its
 * own model and in no other figure either. After a fallback the figures are those of the model that took over.
 *
 * https://platform.claude.com/docs/en/api/messages and .../build-with-claude/{prompt-caching,compaction,context-editing};
 * `BetaUsage` and `MessageDeltaUsage` of anthropics/anthropic-sdk-typescript
 */
export const anthropic: Convention = {
  name: NAME,

  fold(before, part) {
    const started = objectOf(objectOf(part.message)?.usage)
    if (started) {
      // Its output_tokens are those of the beginning, not of the answer.
      const { output_tokens: _begun, ...raw } = started
      return reportedOf(raw, before)
    }
    const usage = objectOf(part.usage)
    if (!usage) return before
    return reportedOf(merged(objectOf(before?.raw), usage), before)
  },

  modelIn(part) {
    const started = nameOf(objectOf(part.message)?.model)
    const block = objectOf(part.content_block)
    const fallback = block?.type === 'fallback' ? nameOf(objectOf(block.to)?.model) : undefined
    return fallback ?? answering(objectOf(part.usage)) ?? started ?? nameOf(part.model)
  },
}

/** A later figure replaces the one before; null, and a zero after a figure, do not. */
function merged(before: JsonObject | undefined, usage: JsonObject): JsonObject {
  if (!before) return usage
  const raw: Record<string, unknown> = { ...before }
  for (const name in usage) {
    const value = usage[name]
    if (value === null || (value === 0 && (countOf(raw[name]) ?? 0) > 0)) continue
    raw[name] = value
  }
  return raw
}

function reportedOf(raw: JsonObject, before: ReportedUsage | undefined): ReportedUsage | undefined {
  const iterations = objectsOf(raw.iterations, MAX_ITERATIONS)
  const models = iterations.length > 0 && answering(raw) === undefined ? billedBy(raw, iterations) : undefined
  const counts = models ? withTools(sumOfModels(models), raw) : countsOf(raw)
  if (counts.input === undefined && counts.output === undefined) return before
  const several = models !== undefined && models.length > 1
  return { counts, models: several ? models : undefined, vendor: NAME, raw, unbalanced: false }
}

/** The model that took over from one that refused. */
function answering(usage: JsonObject | undefined): string | undefined {
  const iterations = objectsOf(usage?.iterations, MAX_ITERATIONS)
  return nameOf(iterations.findLast(({ type }) => type === 'fallback_message')?.model)
}

/** The answer's own passes are those of one model, whose name `''` stands for the model that answers. */
function billedBy(raw: JsonObject, iterations: readonly JsonObject[]): ReportedModel[] {
  const entries = iterations.map(iteration => ({
    model: iteration.type === 'advisor_message' ? (nameOf(iteration.model) ?? '') : '',
    usage: usageOf(countsOf(iteration)),
  }))
  const [own, ...others] = byModel([{ model: '', usage: NO_USAGE }, ...entries])
  return [{ model: '', usage: usageOf(withTools(own!.usage, raw)) }, ...others]
}

function usageOf(counts: Counts): Usage {
  return { ...NO_USAGE, ...counts }
}

function countsOf(usage: JsonObject): Counts {
  const read = firstCount(usage, 'cache_read_input_tokens')
  const { written, hour } = writtenOf(usage)
  const fresh = firstCount(usage, 'input_tokens')
  const input = fresh === undefined ? undefined : fresh + (read ?? 0) + written
  const output = firstCount(usage, 'output_tokens')
  return withTools(
    withoutAbsent({
      input,
      cachedInput: partOf(read, input),
      cacheWrite5m: partOf(written - hour, input),
      cacheWrite1h: partOf(hour, input),
      output,
      reasoning: partOf(firstCount(objectOf(usage.output_tokens_details), 'thinking_tokens'), output),
    }),
    usage,
  )
}

/** Without the split all were written for five minutes. */
function writtenOf(usage: JsonObject): { written: number; hour: number } {
  const split = objectOf(usage.cache_creation)
  const hour = firstCount(split, 'ephemeral_1h_input_tokens') ?? 0
  const fiveMinutes = firstCount(split, 'ephemeral_5m_input_tokens') ?? 0
  const written = firstCount(usage, 'cache_creation_input_tokens') ?? hour + fiveMinutes
  return { written, hour: Math.min(hour, written) }
}

const REQUESTS = '_requests'

/** `server_tool_use.web_search_requests` → `webSearch`, and what other tools there are by the same rule. */
function withTools(counts: Counts, usage: JsonObject): Counts {
  const used = objectOf(usage.server_tool_use)
  if (!used) return counts
  const tools = usedTools(
    Object.fromEntries(
      Object.keys(used)
        .filter(name => /^[a-z][a-z_]{0,50}_requests$/.test(name))
        .slice(0, MAX_TOOLS)
        .map(name => [camelCase(name.slice(0, -REQUESTS.length)), firstCount(used, name)]),
    ),
  )
  return tools ? { ...counts, tools } : counts
}

const MAX_TOOLS = 16

function camelCase(name: string): string {
  return name.replace(/_+([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
