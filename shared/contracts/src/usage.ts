import Type, { type Static } from 'typebox'
import { record, ShortText, Tokens } from './events/fields.ts'

/**
 * The most that one figure of one call may be. No model has a context of a hundredth of it: what an upstream reports
 * beyond it is no count, and is not read.
 */
export const MAX_CALL_TOKENS = 1_000_000_000
/** Models that one call may be billed by: the one that answered, an advisor, a compaction. */
export const MAX_BILLED_MODELS = 16
/** Kinds of tool calls that one call may be billed for. */
export const MAX_BILLED_TOOLS = 16
/** The vendor's own usage object, as JSON, in characters. */
export const MAX_RAW_USAGE = 4_096

/** How often a vendor's tool was used, by its name: `webSearch`, `webFetch`, `fileSearch`, `codeExecution` and so on. */
const ToolCalls = Type.Record(Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_]{0,63}$' }), Tokens, {
  maxProperties: MAX_BILLED_TOOLS,
})

/**
 * What a call used, in tokens, the same for every vendor. `input` and `output` are whole; the others are parts of them,
 * which may overlap (cached audio). What a vendor does not report is absent.
 */
export const Usage = record({
  /** Includes what was read from and written to a prompt cache. */
  input: Tokens,
  /** Part of `input` that was read from the vendor's prompt cache. */
  cachedInput: Type.Optional(Tokens),
  /** Part of `input` that was written to a prompt cache for five minutes, or for the vendor's only lifetime. */
  cacheWrite5m: Type.Optional(Tokens),
  /** Part of `input` that was written to a prompt cache for an hour. */
  cacheWrite1h: Type.Optional(Tokens),
  /** Includes reasoning. */
  output: Tokens,
  /** Part of `output` that the model thought and did not answer. */
  reasoning: Type.Optional(Tokens),
  audioInput: Type.Optional(Tokens),
  audioOutput: Type.Optional(Tokens),
  /** Images that were generated. */
  images: Type.Optional(Tokens),
  tools: Type.Optional(ToolCalls),
})
export type Usage = Static<typeof Usage>

/** The counts of {@link Usage}, each a number of tokens or of images. */
export const USAGE_COUNTS = [
  'input',
  'cachedInput',
  'cacheWrite5m',
  'cacheWrite1h',
  'output',
  'reasoning',
  'audioInput',
  'audioOutput',
  'images',
] as const
export type UsageCount = (typeof USAGE_COUNTS)[number]

/** What one of several models that billed a call used. */
export const BilledModel = record({
  /** As the vendor names it. */
  model: ShortText,
  usage: Usage,
  costMicros: Type.Optional(Tokens),
})
export type BilledModel = Static<typeof BilledModel>

export const NO_USAGE: Usage = Object.freeze({ input: 0, output: 0 })

/** Sums of usage; a part that no summand has stays absent. Sums stay whole numbers that can be told exactly. */
export function addUsage(a: Usage, b: Usage): Usage {
  const sum: { -readonly [name in keyof Usage]: Usage[name] } = { input: 0, output: 0 }
  for (const name of USAGE_COUNTS) {
    if (a[name] === undefined && b[name] === undefined) continue
    sum[name] = bounded((a[name] ?? 0) + (b[name] ?? 0))
  }
  if (a.tools || b.tools) {
    const tools: Record<string, number> = { ...a.tools }
    for (const name in b.tools) tools[name] = bounded((tools[name] ?? 0) + b.tools[name]!)
    sum.tools = tools
  }
  return sum
}

/** Calls of all tools together. */
export function toolCalls({ tools }: Usage): number {
  let calls = 0
  for (const name in tools) calls += tools[name]!
  return bounded(calls)
}

export function totalTokens({ input, output }: Usage): number {
  return bounded(input + output)
}

function bounded(sum: number): number {
  return Math.min(Number.MAX_SAFE_INTEGER, sum)
}
