import type { DroppedPart, RetainedRange, StateAt, Verdict, WhatIfResult } from '@fluxgate/forensics'
import type { DroppedView, StateView, VerdictView, WhatIfView } from './answers.ts'

export function stateView(
  { atMs, totals, identities, buckets, throttles, incidents }: StateAt,
  rows: number,
): StateView {
  return {
    at: atMs,
    totals,
    identities,
    buckets: buckets.slice(0, rows),
    bucketCount: buckets.length,
    throttles: throttles
      .slice(0, rows)
      .map(({ reason: _, incident, ...throttle }) => ({ ...throttle, incident: incident ?? null })),
    throttleCount: throttles.length,
    incidents: incidents.slice(0, rows).map(({ incident, identity, rule, severity, openedAtMs, state }) => ({
      incident,
      identity,
      rule,
      severity,
      openedAtMs,
      state,
    })),
    incidentCount: incidents.length,
  }
}

/** What retention has dropped of a range. */
export function droppedOf(retained: readonly RetainedRange[], fromMs: number): DroppedView[] {
  return retained
    .filter(({ wholeFromMs }) => wholeFromMs > fromMs)
    .map(({ stream, dropped: messages, firstStoredAtMs: firstStoredAt }) => ({
      stream,
      messages,
      firstStoredAt,
    }))
}

function droppedPart({ stream, messages, firstStoredAtMs: firstStoredAt }: DroppedPart): DroppedView {
  return { stream, messages, firstStoredAt }
}

export function whatIfView(
  { fromMs, toMs }: { fromMs: number; toMs: number },
  { rows, counts, throttled, events }: WhatIfResult,
  retained: readonly RetainedRange[],
  maxRows: number,
): WhatIfView {
  // What differs is shown first when not all can be.
  const shown =
    rows.length <= maxRows ? rows : [...rows].sort((a, b) => sameness(a) - sameness(b)).slice(0, maxRows)
  return {
    from: Number.isFinite(fromMs) ? fromMs : toMs,
    to: toMs,
    rows: shown,
    rowCount: rows.length,
    counts,
    throttled,
    facts: [...events.values()].reduce((sum, count) => sum + count, 0),
    dropped: droppedOf(retained, fromMs),
  }
}

function sameness({ difference }: { difference: string }): number {
  return difference === 'same' ? 1 : 0
}

export function verdictView(found: Verdict, rows: number, maxViolations: number): VerdictView {
  const {
    holds,
    fromMs: from,
    toMs: to,
    events,
    whole,
    endedOfBefore,
    identities,
    offenders: violations,
  } = found
  const violationCounts: Record<string, number> = {}
  for (const { offence: violation } of violations)
    violationCounts[violation] = (violationCounts[violation] ?? 0) + 1
  const busiest = [...identities]
    .map(([identity, sums]) => ({ identity, sums }))
    .sort((a, b) => b.sums.admitted + b.sums.refused - a.sums.admitted - a.sums.refused)
  return {
    holds,
    from,
    to,
    facts: events,
    whole,
    endedOfBefore,
    identityCount: identities.size,
    identities: busiest.slice(0, rows),
    projected: found.projected ?? null,
    violationCounts,
    violations: violations
      .slice(0, maxViolations)
      .map(({ offence: violation, detail, identity, request, places }) => ({
        violation,
        detail,
        identity: identity ?? null,
        request: request ?? null,
        positions: places,
      })),
    dropped: found.dropped.map(droppedPart),
  }
}
