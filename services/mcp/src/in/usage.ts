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
    costUsd: usage.costMicros === 0 ? null : usage.costMicros / MICROS_PER_USD,
    meanDurationMs: Math.round(usage.meanDurationMs),
    meanFirstByteMs: Math.round(usage.meanFirstByteMs),
  }
}

export function usageText(usage: ReturnType<typeof usageOf>): string {
  const cost = usage.costUsd === null ? '' : `, $${usage.costUsd.toFixed(4)}`
  return (
    `${usage.admitted} admitted, ${usage.refused} refused, ${usage.completed} completed, ${usage.failed} failed, ` +
    `${usage.interrupted} interrupted; ${usage.totalTokens} tokens (${usage.promptTokens} prompt, ` +
    `${usage.completionTokens} completion)${cost}; mean ${Math.round(usage.meanDurationMs)} ms, ` +
    `first byte ${Math.round(usage.meanFirstByteMs)} ms`
  )
}
