import type { IncidentReport, StoredEvent } from '@fluxgate/contracts'
import { done, later, type Outcome, poison } from '@fluxgate/nats'
import type { Breaker } from './breaker.ts'
import type { CaseFile, Incident } from './evidence.ts'
import { factualReport } from './factual-report.ts'
import type { Joined } from './incident-book.ts'
import { type AskModel, writeReport } from './write-report.ts'

export type Source = 'facts' | 'model'

/** The last report of an incident and its place in the log. */
export interface LastReport {
  readonly source: Source
  readonly sequence: number
}

export interface FactualReportDeps {
  /** Which earlier incident a finding joins, undefined when it is one of its own. */
  readonly joinedInto: (opened: StoredEvent, signal: AbortSignal) => Promise<Joined | undefined>
  /** Says so in the log, once. */
  readonly appendJoined: (incident: Incident, joined: Joined) => Promise<void>
  readonly openCaseFile: (opened: StoredEvent, incident: Incident, signal: AbortSignal) => Promise<CaseFile>
  readonly lastReport: (incident: string) => Promise<LastReport | undefined>
  /** Appends the report if nothing was reported after `after`; undefined when another was first. */
  readonly publish: (
    incident: string,
    source: Source,
    report: IncidentReport,
    after: number,
  ) => Promise<number | undefined>
}

export interface ModelDeps extends FactualReportDeps {
  readonly ask: AskModel
  readonly breaker: Breaker
  readonly nowMs: () => number
  readonly retryMinMs: number
  readonly retryMaxMs: number
  readonly onModel: (outcome: 'reported' | 'refused' | 'failed', why?: unknown) => void
}

type OnOpened = (opened: StoredEvent, attempt: number, signal: AbortSignal) => Promise<Outcome>

/** One opened incident: its facts, at once. A finding that joins an earlier incident is no incident of its own. */
export function publishFactualReport(deps: FactualReportDeps): OnOpened {
  return async (opened, _attempt, signal) => {
    if (opened.event.type !== 'fluxgate.incidents.opened') return poison('not an opened incident')
    const { data } = opened.event
    const joined = await deps.joinedInto(opened, signal)
    if (joined) {
      await deps.appendJoined(data, joined)
      return done
    }
    await factsOf(deps, data.incident, () => deps.openCaseFile(opened, data, signal))
    return done
  }
}

/** One opened incident: the model's report after the facts, however long that takes. */
export function askForReport(deps: ModelDeps): OnOpened {
  return async (opened, attempt, signal) => {
    if (opened.event.type !== 'fluxgate.incidents.opened') return poison('not an opened incident')
    // The server gives repeats before new ones: they must cost little while the model rests.
    const restMs = deps.breaker.restMs(deps.nowMs())
    if (restMs > 0) return later(restMs)
    const { data } = opened.event
    if (await deps.joinedInto(opened, signal)) return done
    if ((await deps.lastReport(data.incident))?.source === 'model') return done
    const file = await deps.openCaseFile(opened, data, signal)
    const facts = await factsOf(deps, data.incident, async () => file)
    const report = await reportOf(deps, file, signal)
    if (report) {
      const isLast = await deps.publish(data.incident, 'model', report, facts.sequence)
      // Overtaken by another reporter: the next look finds its report.
      if (isLast === undefined) return later(0)
      deps.onModel('reported')
      return done
    }
    return later(Math.min(deps.retryMinMs * 2 ** (attempt - 1), deps.retryMaxMs))
  }
}

async function factsOf(
  deps: FactualReportDeps,
  incident: string,
  open: () => Promise<CaseFile>,
): Promise<LastReport> {
  for (;;) {
    const last = await deps.lastReport(incident)
    if (last) return last
    const sequence = await deps.publish(incident, 'facts', factualReport(await open()), 0)
    if (sequence !== undefined) return { source: 'facts', sequence }
  }
}

async function reportOf(
  deps: ModelDeps,
  file: CaseFile,
  signal: AbortSignal,
): Promise<IncidentReport | undefined> {
  try {
    const answer = await writeReport(file, deps.ask, signal)
    deps.breaker.succeeded()
    if (answer.ok) return answer.report
    deps.onModel('refused', answer.reason)
  } catch (error) {
    if (!signal.aborted) {
      deps.breaker.failed(deps.nowMs())
      deps.onModel('failed', error)
    }
  }
  return undefined
}
