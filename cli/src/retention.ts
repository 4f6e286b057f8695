import type { DroppedPart, RetainedRange } from '@fluxgate/forensics'

/** What nobody can see in the log any more, in words; empty when it reaches back to its beginning. */
export function droppedNotices(kept: readonly RetainedRange[], fromMs = Number.NEGATIVE_INFINITY): string[] {
  return kept
    .filter(({ wholeFromMs }) => wholeFromMs > fromMs)
    .map(({ stream, dropped, firstStoredAtMs }) =>
      droppedText({ stream, messages: dropped, firstStoredAtMs }),
    )
}

export function droppedText({ stream, messages, firstStoredAtMs }: DroppedPart): string {
  const begins =
    firstStoredAtMs === null ? 'holds nothing' : `begins at ${new Date(firstStoredAtMs).toISOString()}`
  return `retention has dropped ${messages.toLocaleString('en')} messages of ${stream}: it ${begins}`
}
