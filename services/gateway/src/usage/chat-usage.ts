import type { JsonObject } from '@fluxgate/contracts'
import { firstCount, objectOf, partOf, usedTools } from './counts.ts'
import type { Counts } from './reported.ts'

/** How output and reasoning relate where a vendor's own rule is known. */
export type OutputRule = (usage: JsonObject, reported: ChatFigures) => number | undefined

export interface ChatFigures {
  readonly prompt: number | undefined
  readonly completion: number | undefined
  readonly reasoning: number | undefined
  readonly total: number | undefined
}

export interface ChatCounts {
  readonly counts: Counts
  /** The vendor's total is neither the sum with reasoning inside nor the one with it outside. */
  readonly unbalanced: boolean
}

/**
 * A usage object of the OpenAI chat family (`prompt_tokens`, `completion_tokens`), of whatever server. Figures that
 * several servers name differently are taken from the first name that is there, never added. Undefined when it has none.
 */
export function chatCounts(usage: JsonObject, ruleOf?: OutputRule): ChatCounts | undefined {
  const figures = figuresOf(usage)
  const { prompt, completion, total } = figures
  if (prompt === undefined && completion === undefined && total === undefined) return undefined
  const details = objectOf(usage.prompt_tokens_details) ?? objectOf(usage.prompt_token_details) ?? NOTHING
  const outputDetails = objectOf(usage.completion_tokens_details) ?? NOTHING
  const cached =
    firstCount(details, 'cached_tokens') ??
    firstCount(
      usage,
      'prompt_cache_hit_tokens',
      'cached_tokens',
      'num_cached_tokens',
      'cache_read_input_tokens',
    )
  const input = inputOf(figures, cached)
  const output = ruleOf ? ruleOf(usage, figures) : outputOf(figures)
  const { fiveMinutes, hour } = writtenOf(usage, details)
  const search = objectOf(usage.server_tool_use_details) ?? objectOf(usage.server_tool_use)
  return {
    counts: withoutAbsent({
      input,
      cachedInput: partOf(cached, input),
      cacheWrite5m: partOf(fiveMinutes, input),
      cacheWrite1h: partOf(hour, input),
      output,
      reasoning: partOf(figures.reasoning, output),
      audioInput: partOf(firstCount(details, 'audio_tokens'), input),
      audioOutput: partOf(firstCount(outputDetails, 'audio_tokens'), output),
      tools: usedTools({
        webSearch: firstCount(search, 'web_search_requests') ?? firstCount(usage, 'num_search_queries'),
      }),
    }),
    unbalanced: isUnbalanced(figures),
  }
}

const NOTHING: JsonObject = Object.freeze({})

function figuresOf(usage: JsonObject): ChatFigures {
  return {
    prompt: firstCount(usage, 'prompt_tokens'),
    completion: firstCount(usage, 'completion_tokens'),
    // At top level: SGLang.
    reasoning:
      firstCount(objectOf(usage.completion_tokens_details), 'reasoning_tokens') ??
      firstCount(usage, 'reasoning_tokens'),
    total: firstCount(usage, 'total_tokens'),
  }
}

/** A server that leaves what it read from its cache out of the prompt reports more cached than prompt. */
function inputOf({ prompt, completion, total }: ChatFigures, cached = 0): number | undefined {
  // Rerankers and some embedders report a total alone.
  if (prompt === undefined) return total === undefined ? undefined : Math.max(0, total - (completion ?? 0))
  return cached > prompt ? prompt + cached : prompt
}

/** Reasoning is inside, unless the vendor's total shows that it is not. */
export function outputOf(figures: ChatFigures): number | undefined {
  const { completion, reasoning } = figures
  return completion !== undefined && reasoning !== undefined && isReasoningOutside(figures)
    ? completion + reasoning
    : completion
}

function isReasoningOutside({ prompt, completion, reasoning = 0, total }: ChatFigures): boolean {
  return (
    prompt !== undefined &&
    completion !== undefined &&
    reasoning > 0 &&
    total === prompt + completion + reasoning
  )
}

function isUnbalanced(figures: ChatFigures): boolean {
  const { prompt, completion, total } = figures
  if (prompt === undefined || completion === undefined || total === undefined) return false
  return total !== prompt + completion && !isReasoningOutside(figures)
}

/** OpenAI and OpenRouter name one lifetime; Alibaba and LiteLLM Anthropic's two, LiteLLM beside the prompt's details. */
function writtenOf(usage: JsonObject, details: JsonObject) {
  const split =
    objectOf(details.cache_creation) ??
    objectOf(details.cache_creation_token_details) ??
    objectOf(usage.cache_creation)
  const hour = firstCount(split, 'ephemeral_1h_input_tokens')
  const all =
    firstCount(details, 'cache_write_tokens', 'cache_creation_input_tokens', 'cache_creation_tokens') ??
    firstCount(usage, 'cache_creation_input_tokens') ??
    firstCount(split, 'ephemeral_5m_input_tokens')
  return { fiveMinutes: all === undefined ? undefined : Math.max(0, all - (hour ?? 0)), hour }
}

/** One shape for all: a field that is absent is left out, so that it is not written as null. */
export function withoutAbsent(counts: { [name in keyof Counts]: Counts[name] | undefined }): Counts {
  const { input, cachedInput, cacheWrite5m, cacheWrite1h, output, reasoning } = counts
  const found: Counts = {}
  // By name: a loop over names makes an object that V8 has no shape for.
  if (input !== undefined) found.input = input
  if (cachedInput !== undefined) found.cachedInput = cachedInput
  if (cacheWrite5m !== undefined) found.cacheWrite5m = cacheWrite5m
  if (cacheWrite1h !== undefined) found.cacheWrite1h = cacheWrite1h
  if (output !== undefined) found.output = output
  if (reasoning !== undefined) found.reasoning = reasoning
  if (counts.audioInput !== undefined) found.audioInput = counts.audioInput
  if (counts.audioOutput !== undefined) found.audioOutput = counts.audioOutput
  if (counts.images !== undefined) found.images = counts.images
  if (counts.tools !== undefined) found.tools = counts.tools
  return found
}
