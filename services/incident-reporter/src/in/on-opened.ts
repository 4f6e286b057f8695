import type { IncidentReport } from '@fluxgate/contracts'
import { done, type LoggedEvent, later, type Outcome, poison } from '@fluxgate/nats'
import type { Breaker } from '../core/breaker.ts'
import type { CaseFile, Incident } from '../core/evidence.ts'
import { factualReport } from '../core/factual-report.ts'
import { type AskModel, writeReport } from '../core/write-report.ts'

export interface OpenedDeps {
  readonly openCaseFile: (opened: LoggedEvent, incident: Incident) => Promise<CaseFile>
  readonly ask: AskModel
  /** Publishes the report once: a second one of the same incident and source is a duplicate. */
  readonly publish: (incident: Incident, source: 'facts' | 'model', report: IncidentReport) => Promise<void>
  readonly breaker: Breaker
  readonly nowMs: () => number
  readonly retryMinMs: number
  readonly retryMaxMs: number
  readonly onModel: (outcome: 'reported' | 'refused' | 'failed', why?: unknown) => void
}

/** One opened incident: the facts at once, then the model's report, however long that takes. */
export function onOpened(deps: OpenedDeps) {
  return async (opened: LoggedEvent, attempt: number, signal: AbortSignal): Promise<Outcome> => {
    if (opened.event.type !== 'fluxgate.incidents.opened') return poison('not an opened incident')
    const incident = opened.event.data
    const isFirst = attempt === 1
    const restMs = deps.breaker.restMs(deps.nowMs())
    // The server gives repeats before new ones: they must cost little, or a backlog would keep new incidents out.
    if (restMs > 0 && !isFirst) return later(restMs)
    const file = await deps.openCaseFile(opened, incident)
    if (isFirst) await deps.publish(incident, 'facts', factualReport(file))
    if (restMs > 0) return later(restMs)
    try {
      const answer = await writeReport(file, deps.ask, signal)
      deps.breaker.succeeded()
      if (answer.ok) {
        await deps.publish(incident, 'model', answer.report)
        deps.onModel('reported')
        return done
      }
      deps.onModel('refused', answer.reason)
    } catch (error) {
      if (!signal.aborted) {
        deps.breaker.failed(deps.nowMs())
        deps.onModel('failed', error)
      }
    }
    return later(Math.min(deps.retryMinMs * 2 ** (attempt - 1), deps.retryMaxMs))
  }
}
