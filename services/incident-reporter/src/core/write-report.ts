import type { IncidentReport } from '@fluxgate/contracts'
import { type CaseFile, inventedReferences, type Reference } from './evidence.ts'
import { type Message, promptFor } from './prompt.ts'

export type Answer =
  | { readonly ok: true; readonly report: IncidentReport }
  | { readonly ok: false; readonly reason: string }

/** Asks the model; an answer that is not a report is a reason, a model that cannot be reached an error. */
export type AskModel = (messages: readonly Message[], signal: AbortSignal) => Promise<Answer>

/** A report that cites what is not there is refused, and asked for again once. */
export async function writeReport(file: CaseFile, ask: AskModel, signal: AbortSignal): Promise<Answer> {
  let invented: Reference[] = []
  let answer: Answer = { ok: false, reason: 'not asked' }
  for (let tries = 0; tries < 2; tries++) {
    answer = await ask(promptFor(file, invented), signal)
    if (!answer.ok) continue
    invented = inventedReferences(file, answer.report.evidence)
    if (invented.length === 0) return answer
    answer = { ok: false, reason: `cites ${invented.length} events that are not in evidence` }
  }
  return answer
}
