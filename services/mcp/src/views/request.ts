import type { Request } from '@fluxgate/read-model'
import { z } from 'zod'
import { timeField } from './fields.ts'
import { isoTime, isoTimeOrNull, quoted, spanText } from './text.ts'

/** A request as the tables hold it. */
export const requestFields = {
  request: z.string(),
  identity: z.string(),
  state: z
    .enum(['admitted', 'refused', 'completed', 'failed', 'interrupted'])
    .describe('admitted: in flight.'),
  at: timeField,
  tier: z.string().nullable(),
  dialect: z.string().nullable(),
  stream: z.boolean().nullable(),
  path: z.string().nullable(),
  model: z.string().nullable().describe('The model that was asked for.'),
  answeredModel: z.string().nullable().describe('The model that answered, where it is known.'),
  upstream: z.string().nullable(),
  status: z.int().nullable(),
  reason: z.string().nullable().describe("Why refused, the failure's code, or who interrupted."),
  refusedBy: z
    .string()
    .nullable()
    .describe('The limit that refused it: tokens, requests, streams, throttle, budget:<name>.'),
  attempts: z.int().nullable().describe('Upstreams tried.'),
  message: z.string().nullable(),
  endedAt: timeField.nullable(),
  durationMs: z.number().nullable(),
  firstByteMs: z.number().nullable(),
  reserved: z.int().nullable(),
  promptTokens: z.int().nullable(),
  completionTokens: z.int().nullable(),
  totalTokens: z.int().nullable(),
  cachedTokens: z.int().nullable(),
  cacheWrite5mTokens: z.int().nullable(),
  cacheWrite1hTokens: z.int().nullable(),
  reasoningTokens: z.int().nullable(),
  audioInputTokens: z.int().nullable(),
  audioOutputTokens: z.int().nullable(),
  images: z.int().nullable(),
  toolCalls: z.int().nullable(),
  costUsd: z.number().nullable().describe('US dollars; null without a price.'),
  tokenSource: z.string().nullable().describe('reported, counted or estimated; null until settled.'),
}

export function requestOf(row: Request) {
  return {
    request: row.id,
    identity: `${row.userId}.${row.keyId}`,
    state: row.state,
    at: isoTime(row.at),
    tier: row.tier,
    dialect: row.dialect,
    stream: row.stream,
    path: row.path,
    model: row.model,
    answeredModel: row.answeredModel,
    upstream: row.upstream,
    status: row.status,
    reason: row.reason,
    refusedBy: row.refusedBy,
    attempts: row.attempts,
    message: row.message,
    endedAt: isoTimeOrNull(row.endedAt),
    durationMs: row.durationMs,
    firstByteMs: row.firstByteMs,
    reserved: row.reserved,
    promptTokens: row.promptTokens,
    completionTokens: row.completionTokens,
    totalTokens: row.totalTokens,
    cachedTokens: row.cachedTokens,
    cacheWrite5mTokens: row.cacheWrite5mTokens,
    cacheWrite1hTokens: row.cacheWrite1hTokens,
    reasoningTokens: row.reasoningTokens,
    audioInputTokens: row.audioInputTokens,
    audioOutputTokens: row.audioOutputTokens,
    images: row.images,
    toolCalls: row.toolCalls,
    costUsd: row.costMicros === null ? null : row.costMicros / 1_000_000,
    tokenSource: row.tokenSource,
  }
}

export function requestText(request: ReturnType<typeof requestOf>): string {
  const { status, reason, refusedBy, durationMs, totalTokens, costUsd, model, upstream } = request
  return [
    `${request.at} ${request.request} ${request.identity} ${request.state}`,
    ...(status === null ? [] : [String(status)]),
    ...(reason === null ? [] : [`${quoted(reason)}${refusedBy === null ? '' : ` by ${quoted(refusedBy)}`}`]),
    `model ${model === null ? '?' : quoted(model)}${upstream === null ? '' : ` at ${quoted(upstream)}`}`,
    ...(durationMs === null ? [] : [spanText(durationMs)]),
    ...(totalTokens === null ? [] : [`${totalTokens} tokens`]),
    ...(costUsd === null ? [] : [`$${costUsd.toFixed(6)}`]),
  ].join(', ')
}
