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
  meanDurationMs: z.number(),
  meanFirstByteMs: z.number(),
}

type UsageRow = Pick<Usage, keyof typeof usageFields>

export function usageOf(usage: UsageRow): UsageRow {
  return {
    admitted: usage.admitted,
    refused: usage.refused,
    completed: usage.completed,
    failed: usage.failed,
    interrupted: usage.interrupted,
    promptTokens: usage.promptTokens,
    completionTokens: usage.completionTokens,
    totalTokens: usage.totalTokens,
    meanDurationMs: Math.round(usage.meanDurationMs),
    meanFirstByteMs: Math.round(usage.meanFirstByteMs),
  }
}

export function usageText(usage: UsageRow): string {
  return (
    `${usage.admitted} admitted, ${usage.refused} refused, ${usage.completed} completed, ${usage.failed} failed, ` +
    `${usage.interrupted} interrupted; ${usage.totalTokens} tokens (${usage.promptTokens} prompt, ` +
    `${usage.completionTokens} completion); mean ${Math.round(usage.meanDurationMs)} ms, ` +
    `first byte ${Math.round(usage.meanFirstByteMs)} ms`
  )
}
