import { type Identity, parseIdentity } from '@fluxgate/contracts'
import { z } from 'zod'
import type { Backends } from '../backends/index.ts'
import { behindOf, type Freshness, freshness } from './freshness.ts'
import { isoTime, isoTimeOrNull } from './text.ts'

/** Fields that several tools share. */
export const identityField = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}\.[A-Za-z0-9_-]{1,64}$/, 'must be <user id>.<key id>, as other tools print it')
  .describe('An identity, `<user id>.<key id>`: a user and one of its API keys, as other tools print it.')

export const userField = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/)
  .describe('A user id.')

/** ISO 8601, UTC. Not `z.iso.datetime`: its pattern, repeated for each time, would be half of the tool list. */
export const timeField = z.string().meta({ format: 'date-time' })

export function limitField(fallback: number, max: number) {
  return z.int().min(1).max(max).default(fallback).describe(`Rows at most; ${fallback} by default.`)
}

export const cursorField = z
  .string()
  .min(1)
  .max(400)
  .optional()
  .describe('`nextCursor` of the page before; leave it out to begin with the newest.')

export const nextCursorField = z
  .string()
  .optional()
  .describe('Goes into `cursor` for the next page; absent on the last.')

/** A window that ends now. */
export function windowField(fallbackMinutes: number) {
  return z
    .int()
    .min(1)
    .max(43_200)
    .default(fallbackMinutes)
    .describe(`How far to look back, in minutes, up to 30 days; ${fallbackMinutes} by default.`)
}

export const asOfField = z
  .object({
    readAt: timeField,
    behindEvents: z
      .int()
      .nullable()
      .describe('Events in the log that this answer does not count yet; null: unknown.'),
    lagMs: z
      .number()
      .nullable()
      .describe('What happened longer ago than this is in the answer; null: unknown.'),
    streams: z.array(
      z.object({
        stream: z.string(),
        sequence: z.int(),
        head: z.int().nullable(),
        behindEvents: z.int().nullable(),
        eventAt: timeField.nullable(),
      }),
    ),
  })
  .describe('How fresh the answer is: it comes from tables that are folded from the event log.')

export const logReference = z.object({
  stream: z.string(),
  sequence: z.int(),
  index: z.int().optional().describe('Of an event in its batch.'),
})

export function asOfOf(fresh: Freshness): z.input<typeof asOfField> {
  return {
    readAt: isoTime(fresh.readAt),
    behindEvents: fresh.behindEvents,
    lagMs: fresh.lagMs,
    streams: fresh.streams.map(lag => ({
      stream: lag.stream,
      sequence: lag.sequence,
      head: lag.head,
      behindEvents: behindOf(lag),
      eventAt: isoTimeOrNull(lag.eventAt),
    })),
  }
}

/** Asked before the tables are, so that the answer is never older than it says. */
export async function freshnessOf(backends: Backends, streams: readonly string[]): Promise<Freshness> {
  const [checkpoints, heads] = await Promise.all([backends.tables.checkpoints(), backends.log.heads(streams)])
  return freshness(checkpoints, heads, streams, backends.nowMs())
}

/** An identity that the schema has let through. */
export function identityOf(text: string): Identity {
  const identity = parseIdentity(text)
  if (!identity) throw new Error(`not an identity: ${text}`)
  return identity
}
