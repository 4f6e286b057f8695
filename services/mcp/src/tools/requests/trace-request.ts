import { missingOf, type Step, stepsOf, timeOfId } from '@fluxgate/forensics'
import { z } from 'zod'
import { type Backends, ToolError } from '../../backends/index.ts'
import { answered, defineTool, problem } from '../../calls/index.ts'
import {
  eventFields,
  eventText,
  eventView,
  isoTime,
  requestFields,
  requestOf,
  spanText,
} from '../../views/index.ts'

const stepFields = { ...eventFields, sinceStartMs: z.number(), sinceLastMs: z.number() }

export const traceRequest = defineTool({
  name: 'trace_request',
  title: 'Trace a request',
  description:
    'Everything the log tells of one request, in time order with the delays between: admitted or refused, progress, ' +
    'completed, failed or interrupted, settled; and its row in the tables. Use it to explain one slow, failed, ' +
    'refused or oddly billed request. The id is the x-request-id of its response.',
  effect: 'reads',
  input: z.strictObject({
    request: z
      .string()
      .regex(/^[0-9A-Za-z_-]{8,64}$/)
      .describe('Request id (x-request-id).'),
  }),
  output: z.object({
    request: z.string(),
    row: z.object(requestFields).nullable().describe('Null when the tables do not hold it (yet).'),
    steps: z.array(z.object(stepFields)).describe('Events in time order.'),
    missing: z
      .array(z.string())
      .describe(
        'What a complete request has in the log and this one has not (yet): admission, ending, settlement.',
      ),
    scannedEvents: z.int(),
    cut: z.boolean().describe('True when the limit on reading was reached before the end of the request.'),
  }),

  async answer({ request }, backends, { signal }) {
    const row = await rowOf(backends, request)
    const fromMs = row?.at ?? timeOfId(request)
    if (fromMs === undefined) {
      return problem(
        `The tables do not hold request ${request}, and its id does not tell its time, so the log cannot be searched ` +
          'for it. Check the id (x-request-id of the response); if it is new, try again in a moment.',
      )
    }
    const identity = row && { user: row.userId, key: row.keyId }
    const { items, scanned, cut } = await backends.log.request({ request, identity, fromMs }, signal)
    const steps = stepsOf(items)
    if (steps.length === 0 && !row) {
      return problem(
        `Nothing in the log from ${isoTime(fromMs)} on tells of request ${request} (${scanned} events looked at` +
          `${cut ? ', the limit' : ''}). Check the id.`,
      )
    }
    const told = { request, row: row ? requestOf(row) : null, scannedEvents: scanned, cut }
    const missing = steps.length === 0 ? [] : missingOf(items)
    return answered({ ...told, missing, steps: steps.map(stepOf) }, [
      `Request ${request}: ${row ? row.state : 'not in the tables yet'}, ${steps.length} events.`,
      ...steps.map(stepText),
      ...(steps.length === 0 ? ['Its events are not in the log any more; the row is what is left.'] : []),
      ...(missing.length === 0 ? [] : [`No event (yet): ${missing.join(', ')}.`]),
      ...(cut ? ['Not all of the log could be looked at: events may be missing here.'] : []),
    ])
  },
})

async function rowOf(backends: Backends, request: string) {
  try {
    return await backends.tables.request(request)
  } catch (error) {
    // The log tells more than the row.
    if (error instanceof ToolError) return undefined
    throw error
  }
}

function stepOf(step: Step) {
  return { ...eventView(step), sinceStartMs: step.sinceStartMs, sinceLastMs: step.sinceLastMs }
}

function stepText(step: Step): string {
  const { event, sinceStartMs, sinceLastMs } = step
  const delay =
    sinceStartMs === 0 ? event.time : `+${spanText(sinceStartMs)} (${spanText(sinceLastMs)} later)`
  return `- ${delay} ${eventText(step, ['request'])}`
}
