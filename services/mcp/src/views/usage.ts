import type { Usage } from '@fluxgate/read-model'
import { z } from 'zod'

/** Sums over requests, as several tools tell them. */
export const usageFields = {
  admitted: z.int(),
  refused: z.int(),
  completed: z.int(),
  failed: z.int(),
  interrupted: z.int(),
  promptTokens: z.int(),
  completionTokens: z.int(),
  totalTokens: z.int(),
  cachedTokens: z.int().describe('Part of the prompts that upstreams read from their caches.'),
  cacheWrite5mTokens: z.int().describe('Part of the prompts written to a prompt cache for five minutes.'),
  cacheWrite1hTokens: z.int().describe('Part of the prompts written to a prompt cache for an hour.'),
  reasoningTokens: z.int().describe('Part of the completions that models thought.'),
  audioInputTokens: z.int(),
  audioOutputTokens: z.int(),
  images: z.int().describe('Images generated.'),
  toolCalls: z.int().describe("Calls of vendors' own tools, such as web search."),
  costUsd: z.number().nullable().describe('US dollars; null when nothing here has a price.'),
  meanDurationMs: z.number(),
  meanFirstByteMs: z.number(),
}

const MICROS_PER_USD = 1_000_000

export function usageOf(usage: Usage) {
  return {
    admitted: usage.admitted,
    refused: usage.refused,
    completed: usage.completed,
    failed: usage.failed,
    interrupted: usage.interrupted,
    promptTokens: usage.promptTokens,
    completionTokens: usage.completionTokens,
    totalTokens: usage.totalTokens,
    cachedTokens: usage.cachedTokens,
    cacheWrite5mTokens: usage.cacheWrite5mTokens,
    cacheWrite1hTokens: usage.cacheWrite1hTokens,
    reasoningTokens: usage.reasoningTokens,
    audioInputTokens: usage.audioInputTokens,
    audioOutputTokens: usage.audioOutputTokens,
    images: usage.images,
    toolCalls: usage.toolCalls,
    costUsd: usage.costMicros === 0 ? null : usage.costMicros / MICROS_PER_USD,
    meanDurationMs: Math.round(usage.meanDurationMs),
    meanFirstByteMs: Math.round(usage.meanFirstByteMs),
  }
}

const PARTS = [
  ['cachedTokens', 'cached'],
  ['cacheWrite5mTokens', 'written to caches for 5 min'],
  ['cacheWrite1hTokens', 'written to caches for 1 h'],
  ['reasoningTokens', 'reasoning'],
  ['audioInputTokens', 'audio in'],
  ['audioOutputTokens', 'audio out'],
  ['images', 'images'],
  ['toolCalls', 'tool calls'],
] as const

/** The categories that were used. */
function partsText(usage: Readonly<Record<(typeof PARTS)[number][0], number>>): string {
  const used = PARTS.filter(([name]) => usage[name] > 0).map(([name, words]) => `${usage[name]} ${words}`)
  return used.length === 0 ? '' : `; ${used.join(', ')}`
}

export function usageText(usage: ReturnType<typeof usageOf>): string {
  const cost = usage.costUsd === null ? '' : `, $${usage.costUsd.toFixed(4)}`
  return (
    `${usage.admitted} admitted, ${usage.refused} refused, ${usage.completed} completed, ${usage.failed} failed, ` +
    `${usage.interrupted} interrupted; ${usage.totalTokens} tokens (${usage.promptTokens} prompt, ` +
    `${usage.completionTokens} completion${partsText(usage)})${cost}; mean ${Math.round(usage.meanDurationMs)} ms, ` +
    `first byte ${Math.round(usage.meanFirstByteMs)} ms`
  )
}
