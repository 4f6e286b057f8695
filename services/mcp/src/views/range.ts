import { parseMoment } from '@fluxgate/forensics'
import { z } from 'zod'
import { ToolError } from '../backends/index.ts'
import { spanText } from './text.ts'

const MOMENT = /^(\d{1,9}(\.\d{1,6})?(ms|s|m|h|d)|\d{4}-\d\d-\d\d.{0,25})$/

function momentField(what: string) {
  return z
    .string()
    .regex(MOMENT, 'must be a span back from now such as 90s, 15m, 2h, 7d, or an ISO 8601 time')
    .describe(`${what}: a span back from now (90s, 15m, 2h, 7d) or an ISO 8601 time.`)
}

export const atField = momentField('The moment')

/** Fields of a range that a caller may leave out. */
export function rangeFields(fallback: string) {
  return {
    from: momentField('Begin')
      .optional()
      .describe(`Begin: a span back from now or an ISO time; ${fallback} by default.`),
    to: momentField('End').optional().describe('End, as `from`; now by default.'),
  }
}

interface RangeRules {
  /** How far before the end a range begins that says nothing of it. */
  readonly fallbackMs: number
  readonly maxMs: number
}

/** Epoch milliseconds. @throws ToolError when the range is none, or too long */
export function rangeOf(
  { from, to }: { from?: string | undefined; to?: string | undefined },
  nowMs: number,
  { fallbackMs, maxMs }: RangeRules,
): { fromMs: number; toMs: number } {
  const toMs = to === undefined ? nowMs : momentOf('to', to, nowMs)
  const fromMs = from === undefined ? toMs - fallbackMs : momentOf('from', from, nowMs)
  if (fromMs >= toMs) throw bad(`from (${from ?? fallbackMs}) is not before to (${to ?? 'now'}).`)
  if (toMs - fromMs > maxMs) {
    throw bad(
      `The range is ${spanText(toMs - fromMs)} long; at most ${spanText(maxMs)}. Ask for a shorter one.`,
    )
  }
  return { fromMs, toMs }
}

export function momentOf(name: string, text: string, nowMs: number): number {
  const atMs = parseMoment(text, nowMs)
  if (atMs === undefined || atMs < 0) {
    throw bad(
      `${name} is no time: give a span back from now such as 2h, or ISO 8601 such as 2026-11-23T05:00:00Z.`,
    )
  }
  return Math.floor(atMs)
}

function bad(text: string): ToolError {
  return new ToolError('FLUXGATE_BAD_RANGE', text)
}
