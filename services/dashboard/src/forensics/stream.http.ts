import { LogUnreadable } from '@fluxgate/forensics'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { apiErrorOf, beginEventStream, every, sendError } from '../http/index.ts'
import { type Gate, isStillOperator } from '../sessions/index.ts'
import type { EventRow, JobFrame, TailFrame } from './answers.ts'
import type { Working } from './questions.ts'

export interface StreamParts extends Gate {
  readonly heartbeatMs: number
  readonly sessionCheckMs: number
  readonly maxClientBytes: number
  readonly maxJobs: number
  readonly jobMs: number
  readonly maxTails: number
}

/** Rows of a tail that wait to be sent together, and how many they may be: a page that is slower is told what it missed. */
const TAIL_EVERY_MS = 100
const MAX_TAIL_ROWS = 1_000
const PROGRESS_EVERY_MS = 100

interface Wire {
  say(frame: object): void
  buffered(): number
  /** For what throws in a timer of the page: ends the page alone. */
  readonly end: (error: unknown) => void
  readonly signal: AbortSignal
}

/** How many are at work; nobody waits in line for one that may take minutes. */
export class Slots {
  #taken = 0
  readonly #max: number

  constructor(max: number) {
    this.#max = max
  }

  take(): Disposable | undefined {
    if (this.#taken >= this.#max) return undefined
    this.#taken++
    return { [Symbol.dispose]: () => this.#taken-- }
  }
}

/**
 * Does work over the log and tells of it by Server-Sent Events: progress, then the result or an error. The page cancels it by
 * leaving; nothing goes on after that, nor after the session has ended.
 */
export async function streamJob<T>(
  request: FastifyRequest,
  reply: FastifyReply,
  { parts, places: slots }: { parts: StreamParts; places: Slots },
  work: (working: Working) => Promise<T>,
): Promise<FastifyReply | undefined> {
  using slot = slots.take()
  if (!slot)
    return sendError(reply, {
      code: 'too_many',
      message: 'Too many log queries are running. Try again in a moment.',
    })
  const wire = openWire(request, reply, parts)
  const say = (frame: JobFrame<T>) => wire.say(frame)
  const late = AbortSignal.timeout(parts.jobMs)
  const signal = AbortSignal.any([wire.signal, late])
  let sentAtMs = 0
  try {
    const value = await work({
      signal,
      onProgress(read, of) {
        const nowMs = performance.now()
        if (nowMs - sentAtMs < PROGRESS_EVERY_MS) return
        sentAtMs = nowMs
        say({ kind: 'progress', read, of })
      },
    })
    if (late.aborted) throw late.reason
    say({ kind: 'result', value })
  } catch (error) {
    if (!wire.signal.aborted) say(errorFrame(error, late.aborted, request))
  } finally {
    reply.raw.end()
  }
  return undefined
}

/** Tells rows as they come, until the page leaves. */
export async function streamTail(
  request: FastifyRequest,
  reply: FastifyReply,
  { parts, places }: { parts: StreamParts; places: Slots },
  follow: (signal: AbortSignal, onRows: (rows: readonly EventRow[]) => void) => Promise<void>,
): Promise<FastifyReply | undefined> {
  using place = places.take()
  if (!place) return sendError(reply, { code: 'too_many', message: 'Too many live tails are open.' })
  const wire = openWire(request, reply, parts)
  const say = (frame: TailFrame) => wire.say(frame)
  let waiting: EventRow[] = []
  let leftOut = 0
  const sendRows = async (): Promise<void> => {
    if (waiting.length + leftOut === 0 || wire.buffered() > parts.maxClientBytes) return
    say({ kind: 'rows', items: waiting, leftOut })
    waiting = []
    leftOut = 0
  }
  const stopSending = every(TAIL_EVERY_MS, sendRows, wire.end)
  const stopHeartbeat = every(parts.heartbeatMs, async () => say({ kind: 'alive' }), wire.end)
  say({ kind: 'alive' })
  try {
    await follow(wire.signal, rows => {
      for (const row of rows) {
        if (waiting.length < MAX_TAIL_ROWS) waiting.push(row)
        else leftOut++
      }
    })
  } catch (error) {
    request.log.error({ err: error }, 'a tail broke')
  } finally {
    stopSending()
    stopHeartbeat()
    reply.raw.end()
  }
  return undefined
}

function openWire(request: FastifyRequest, reply: FastifyReply, parts: StreamParts): Wire {
  const left = new AbortController()
  beginEventStream(reply)
  const token = request.cookies[parts.cookieName]
  const end = (error: unknown): void => {
    request.log.error({ err: error }, 'a page was ended')
    reply.raw.destroy()
  }
  const check = async (): Promise<void> => {
    if (!(await isStillOperator(parts, token))) reply.raw.destroy()
  }
  const stopChecking = every(parts.sessionCheckMs, check, end)
  reply.raw.on('close', () => {
    stopChecking()
    left.abort()
  })
  return {
    say: frame => {
      if (!left.signal.aborted) reply.raw.write(`data: ${JSON.stringify(frame)}\n\n`)
    },
    buffered: () => reply.raw.writableLength,
    end,
    signal: left.signal,
  }
}

function errorFrame(error: unknown, isLate: boolean, request: FastifyRequest): JobFrame<never> {
  if (isLate)
    return { kind: 'error', code: 'too_large', message: 'The query took too long. Choose a shorter range.' }
  if (error instanceof LogUnreadable) {
    return {
      kind: 'error',
      code: 'unavailable',
      message: 'The event log is unavailable. Try again in a moment.',
    }
  }
  const { code, message } = apiErrorOf(error as Parameters<typeof apiErrorOf>[0])
  if (code === 'internal') request.log.error({ err: error, url: request.url }, 'forensics failed')
  return { kind: 'error', code, message }
}
