import type { NatsLink } from '@fluxgate/nats'
import type { StreamHead } from './progress.ts'
import { pause } from './projector.timer.ts'

export interface WatchHooks {
  /** Called before the server is asked about a stream. */
  position(stream: string): number
  saw(stream: string, head: StreamHead, asked: number): void
  failed(stream: string, error: unknown): void
  /** All were asked: stream → its last sequence, where it is known. */
  looked(heads: ReadonlyMap<string, number>): Promise<void>
}

/** Asks the server again and again how far each stream goes, until the signal. */
export async function watchStreams(
  link: NatsLink,
  streams: readonly string[],
  everyMs: number,
  hooks: WatchHooks,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const heads = new Map<string, number>()
    for (const stream of streams) {
      if (signal.aborted || !link.isConnected()) break
      const asked = hooks.position(stream)
      try {
        const { created, state } = await link.manager.streams.info(stream)
        const head = {
          firstSequence: state.first_seq,
          lastSequence: state.last_seq,
          created: String(created),
        }
        heads.set(stream, head.lastSequence)
        if (!signal.aborted) hooks.saw(stream, head, asked)
      } catch (error) {
        if (!signal.aborted) hooks.failed(stream, error)
      }
    }
    if (heads.size > 0 && !signal.aborted) await hooks.looked(heads)
    await pause(everyMs, signal)
  }
}
