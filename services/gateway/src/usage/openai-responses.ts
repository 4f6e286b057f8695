import type { JsonObject } from '@fluxgate/contracts'
import { NO_USAGE, type Usage } from '@fluxgate/contracts'
import { withoutAbsent } from './chat-usage.ts'
import { firstCount, nameOf, objectOf, objectsOf, partOf, usedTools } from './counts.ts'
import type { Convention, Counts, ReportedModel, ReportedUsage } from './reported.ts'
import { sumOfModels } from './sum-of-models.ts'

const NAME = 'openai-responses'
/** Items of one answer that are looked at for calls of tools. */
const MAX_ITEMS = 10_000

/** An item of `output` → the tool that is billed for it. */
const TOOL_ITEMS: Readonly<Record<string, string>> = Object.freeze({
  web_search_call: 'webSearch',
  file_search_call: 'fileSearch',
  code_interpreter_call: 'codeInterpreter',
  x_search_call: 'xSearch',
})

/** xAI's counts of its own tools. */
const SERVER_SIDE: Readonly<Record<string, string>> = Object.freeze({
  web_search_calls: 'webSearch',
  x_search_calls: 'xSearch',
  code_interpreter_calls: 'codeInterpreter',
  file_search_calls: 'fileSearch',
  mcp_calls: 'mcp',
  document_search_calls: 'documentSearch',
})

/**
 * OpenAI responses, Azure's, xAI's and LM Studio's. `output_tokens` includes reasoning, xAI's too (its chat API differs).
 * What tools cost is outside `usage`: `tool_usage.web_search.num_requests` or, where that is absent, the calls in `output`;
 * the tokens of `tool_usage.image_gen` are those of another model. The last event of a stream carries the response.
 *
 * https://platform.openai.com/docs/api-reference/responses/object (schema `ResponseUsage` of openai/openai-openapi);
 * `tool_usage` is sent and not in the schema. https://docs.x.ai/docs/guides/tools/overview for xAI's tool counts.
 */
export const openaiResponses: Convention = {
  name: NAME,

  fold(before, part) {
    const response = objectOf(part.response) ?? part
    const raw = objectOf(response.usage)
    const counts = raw && responsesCounts(raw)
    if (!raw || !counts) return before
    counts.tools = toolsOf(raw, response)
    counts.images = imagesOf(raw, response)
    return reportedOf(withoutAbsent(counts), raw, response)
  },

  modelIn: part => nameOf((objectOf(part.response) ?? part).model),
}

/** Undefined when it has no figure of this family. */
export function responsesCounts(
  usage: JsonObject,
): { [name in keyof Counts]: Counts[name] | undefined } | undefined {
  const input = firstCount(usage, 'input_tokens')
  const output = firstCount(usage, 'output_tokens')
  if (input === undefined && output === undefined) return undefined
  const details = objectOf(usage.input_tokens_details) ?? objectOf(usage.input_token_details)
  const outputDetails = objectOf(usage.output_tokens_details) ?? objectOf(usage.output_token_details)
  return {
    input,
    cachedInput: partOf(firstCount(details, 'cached_tokens'), input),
    cacheWrite5m: partOf(firstCount(details, 'cache_write_tokens'), input),
    output,
    reasoning: partOf(firstCount(outputDetails, 'reasoning_tokens'), output),
    audioInput: partOf(firstCount(details, 'audio_tokens'), input),
    audioOutput: partOf(firstCount(outputDetails, 'audio_tokens'), output),
  }
}

function toolsOf(usage: JsonObject, response: JsonObject) {
  const serverSide = objectOf(usage.server_side_tool_usage_details)
  if (serverSide) {
    const names = Object.entries(SERVER_SIDE)
    return usedTools(Object.fromEntries(names.map(([field, tool]) => [tool, firstCount(serverSide, field)])))
  }
  const calls: Record<string, number> = {}
  for (const { type } of objectsOf(response.output, MAX_ITEMS)) {
    const tool = typeof type === 'string' ? TOOL_ITEMS[type] : undefined
    if (tool !== undefined) calls[tool] = (calls[tool] ?? 0) + 1
  }
  const searched = firstCount(objectOf(objectOf(response.tool_usage)?.web_search), 'num_requests')
  return usedTools(searched === undefined ? calls : { ...calls, webSearch: searched })
}

function imagesOf(usage: JsonObject, response: JsonObject): number | undefined {
  const made = firstCount(objectOf(usage.server_side_tool_usage_details), 'image_generation_calls')
  const items = objectsOf(response.output, MAX_ITEMS).filter(
    ({ type, status }) => type === 'image_generation_call' && status !== 'failed',
  )
  return partOf(made ?? items.length, undefined)
}

/** The tokens of generated images are those of the model that made them. */
function reportedOf(counts: Counts, raw: JsonObject, response: JsonObject): ReportedUsage {
  const toolUsage = objectOf(response.tool_usage)
  const drawn = objectOf(toolUsage?.image_gen)
  const drawing = drawn && responsesCounts(drawn)
  const whole = { vendor: NAME, raw: toolUsage ? { ...raw, tool_usage: toolUsage } : raw, unbalanced: false }
  if (!drawing || (drawing.input ?? 0) + (drawing.output ?? 0) === 0) {
    return { counts, models: undefined, ...whole }
  }
  const models: ReportedModel[] = [
    { model: nameOf(response.model) ?? '', usage: usageOf(counts) },
    { model: imageModel(response), usage: usageOf(withoutAbsent(drawing)) },
  ]
  return { counts: sumOfModels(models), models, ...whole }
}

function imageModel(response: JsonObject): string {
  const tools = objectsOf(response.tools, MAX_ITEMS)
  return nameOf(tools.find(({ type }) => type === 'image_generation')?.model) ?? 'image_generation'
}

function usageOf(counts: Counts): Usage {
  return { ...NO_USAGE, ...counts }
}
