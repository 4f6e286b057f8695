import type { LogEvent } from '@fluxgate/contracts'
import { type Applied, DataFault, halves, PositionLost, type Slice } from '../tables/index.ts'
import type { Intake } from './intake.timer.ts'

export interface ProjectorLimits {
  readonly retryMinMs: number
  readonly retryMaxMs: number
}

export interface ProjectorHooks {
  apply(slices: readonly Slice[]): Promise<Applied>
  /** As {@link apply}, and takes everything back. */
  attempt(slices: readonly Slice[]): Promise<void>
  /** Reads begin again at the stored positions. */
  restart(): Promise<void>
  applied(applied: Applied, elapsedMs: number): void
  /** An attempt failed; the next comes after `waitMs`. */
  failed(error: unknown, waitMs: number): void
  /** An event that cannot be stored is left out; the position passes it when this is done. */
  rejected(stream: string, entry: LogEvent, reason: string): Promise<void>
}

/**
 * Takes from the intake and applies, one transaction after the other, until the signal. A batch that fails comes again
 * until it succeeds; one with an event that Postgres will never take is halved until its message stands alone, which is
 * then applied without the event.
 */
export async function project(
  intake: Intake,
  limits: ProjectorLimits,
  hooks: ProjectorHooks,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const slices = await intake.take()
    if (slices.length > 0) await persist(slices, limits, hooks, signal)
  }
}

async function persist(
  slices: readonly Slice[],
  limits: ProjectorLimits,
  hooks: ProjectorHooks,
  signal: AbortSignal,
): Promise<void> {
  let lost = false
  const attempt = async () => {
    // What was read belongs to positions that are gone: the restart reads it again.
    if (lost) return hooks.restart()
    try {
      await applyInParts(slices, hooks)
    } catch (error) {
      lost = error instanceof PositionLost
      throw error
    }
  }
  await retried(attempt, limits, hooks.failed, signal)
}

/** Does the work again and again, with growing pauses, until it succeeds or the signal comes. */
export async function retried(
  work: () => Promise<void>,
  limits: Pick<ProjectorLimits, 'retryMinMs' | 'retryMaxMs'>,
  failed: (error: unknown, waitMs: number) => void,
  signal: AbortSignal,
): Promise<void> {
  for (let waitMs = limits.retryMinMs; !signal.aborted; waitMs = Math.min(waitMs * 2, limits.retryMaxMs)) {
    try {
      return await work()
    } catch (error) {
      failed(error, waitMs)
      await pause(waitMs, signal)
    }
  }
}

async function applyInParts(slices: readonly Slice[], hooks: ProjectorHooks): Promise<void> {
  const began = performance.now()
  try {
    hooks.applied(await hooks.apply(slices), performance.now() - began)
    return
  } catch (error) {
    if (!(error instanceof DataFault)) throw error
  }
  const [first] = slices
  const parts = slices.length > 1 ? slices : first && halves(first)
  if (parts) for (const part of parts) await applyInParts([part], hooks)
  else if (first) await applyInParts([await withoutRejected(first, hooks)], hooks)
}

/** A message without the events that Postgres does not take. The position passes it only as a whole, so each is tried. */
async function withoutRejected(slice: Slice, hooks: ProjectorHooks): Promise<Slice> {
  const taken: LogEvent[] = []
  for (const entry of slice.entries) {
    try {
      await hooks.attempt([{ ...slice, entries: [...taken, entry] }])
      taken.push(entry)
    } catch (error) {
      if (!(error instanceof DataFault)) throw error
      await hooks.rejected(slice.stream, entry, error.message)
    }
  }
  return { ...slice, entries: taken }
}

export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) return resolve()
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })
}
