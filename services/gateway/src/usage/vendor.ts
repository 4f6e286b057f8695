import type { JsonObject } from '@fluxgate/contracts'
import { anthropic } from './anthropic.ts'
import {
  alibaba,
  deepSeek,
  geminiOpenai,
  jina,
  liteLlm,
  mistral,
  moonshot,
  openRouter,
  perplexity,
  sglang,
  vllm,
  xai,
} from './chat-vendors.ts'
import { cohere, cohereUsage } from './cohere.ts'
import { firstCount, objectOf } from './counts.ts'
import { groq } from './groq.ts'
import { llamaCpp } from './llama-cpp.ts'
import { openaiChat, reported, usageAnywhere } from './openai-chat.ts'
import { openaiResponses } from './openai-responses.ts'
import type { Convention, ReportedUsage } from './reported.ts'

/** How a vendor's chat API reports usage; its responses API, embeddings and rerank are told by their shape. */
const CHAT = {
  openai: openaiChat,
  alibaba,
  cohere,
  deepseek: deepSeek,
  gemini: geminiOpenai,
  groq,
  jina,
  litellm: liteLlm,
  'llama.cpp': llamaCpp,
  mistral,
  moonshot,
  openrouter: openRouter,
  perplexity,
  sglang,
  vllm,
  xai,
} as const satisfies Readonly<Record<string, Convention>>

/** Who makes the figures of an upstream. */
export type Vendor = keyof typeof CHAT

export const VENDORS = Object.freeze(Object.keys(CHAT)) as readonly Vendor[]

/** Vendors by the end of an upstream's host name. */
const HOSTS: readonly (readonly [suffix: string, vendor: Vendor])[] = [
  ['.openai.com', 'openai'],
  ['.azure.com', 'openai'],
  ['generativelanguage.googleapis.com', 'gemini'],
  ['aiplatform.googleapis.com', 'gemini'],
  ['.x.ai', 'xai'],
  ['.deepseek.com', 'deepseek'],
  ['.mistral.ai', 'mistral'],
  ['.groq.com', 'groq'],
  ['.moonshot.ai', 'moonshot'],
  ['.moonshot.cn', 'moonshot'],
  ['.aliyuncs.com', 'alibaba'],
  ['.perplexity.ai', 'perplexity'],
  ['openrouter.ai', 'openrouter'],
  ['.cohere.com', 'cohere'],
  ['.cohere.ai', 'cohere'],
  ['.jina.ai', 'jina'],
  ['.voyageai.com', 'jina'],
]

/** Undefined for a host that no vendor is known by: figures are then read by their shape alone. */
export function vendorOfHost(host: string): Vendor | undefined {
  const name = host.toLowerCase()
  return HOSTS.find(([suffix]) => name.endsWith(suffix))?.[1]
}

const NONE: Convention = openaiOf(undefined)
const OPENAI: ReadonlyMap<Vendor, Convention> = new Map(VENDORS.map(vendor => [vendor, openaiOf(vendor)]))

/** The convention of an upstream that is called in OpenAI's dialect. */
export function openaiConvention(vendor: Vendor | undefined): Convention {
  return (vendor && OPENAI.get(vendor)) ?? NONE
}

/**
 * Shapes that are one vendor's alone are told by themselves, so that a proxy's answers are read by the rule of whoever
 * is behind it; what is left is the chat family, whose vendors use the same names for different things.
 */
function openaiOf(vendor: Vendor | undefined): Convention {
  const chat = vendor ? CHAT[vendor] : undefined
  const usageFold = (before: ReportedUsage | undefined, part: JsonObject): ReportedUsage | undefined => {
    if (cohereUsage(part)) return cohere.fold(before, part)
    const usage = objectOf((objectOf(part.response) ?? part).usage)
    if (firstCount(usage, 'input_tokens') !== undefined) {
      return (isAnthropic(usage!) ? anthropic : openaiResponses).fold(before, part)
    }
    if (chat) return chat.fold(before, part)
    if (part.timings !== undefined) return llamaCpp.fold(before, part)
    return unknownServer.fold(before, part)
  }
  const fold = (before: ReportedUsage | undefined, part: JsonObject) => {
    const found = usageFold(before, part)
    const images = imagesIn(part)
    if (images === 0) return found
    const counts = { output: 0, ...found?.counts, images }
    return found ? { ...found, counts } : reported(name, undefined, { counts })
  }
  const name = (chat ?? openaiChat).name
  return { name, fold, modelIn: openaiResponses.modelIn }
}

/** What an images API answers: a list without a name, as no other API does. Models that are paid by the image report no tokens. */
function imagesIn({ object, created, data }: JsonObject): number {
  return object === undefined && typeof created === 'number' && Array.isArray(data) ? data.length : 0
}

/** An OpenAI-compatible server that is not known: by OpenAI's rule, wherever it puts the usage. */
const unknownServer: Convention = {
  ...openaiChat,
  fold(before, part) {
    const usage = usageAnywhere(part)
    return usage ? openaiChat.fold(before, { usage }) : before
  },
}

/** OpenAI's `input_tokens` have their parts in `input_tokens_details`, Anthropic's beside them. */
function isAnthropic(usage: JsonObject): boolean {
  return (
    objectOf(usage.input_tokens_details) === undefined &&
    firstCount(usage, 'cache_read_input_tokens', 'cache_creation_input_tokens') !== undefined
  )
}
