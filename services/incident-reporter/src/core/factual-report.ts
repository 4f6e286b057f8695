import { type IncidentReport, identityText } from '@fluxgate/contracts'
import type { CaseFile } from './evidence.ts'
import { inline } from './untrusted-text.ts'

/** What stands at once: the facts in sentences, with no judgement that they do not carry. */
export function factualReport({
  incident,
  openedAt,
  reference,
  evidence,
  earlier,
}: CaseFile): IncidentReport {
  const numbers = Object.entries(incident.numbers).map(([name, value]) => `${name} ${round(value)}`)
  const models = [...new Set(evidence.map(({ event }) => modelOf(event.data)).filter(model => model !== ''))]
  const sentences = [
    `At ${openedAt} the guard's rule ${incident.rule} fired for ${identityText(incident)}: ${incident.explanation}`,
    numbers.length > 0 ? `The figures: ${numbers.join(', ')}.` : '',
    `${evidence.length} events of the log are cited${models.length > 0 ? `, on ${models.map(inline).join(', ')}` : ''}.`,
    earlier > 0
      ? `The identity had ${earlier} incidents before.`
      : 'It is the first incident of this identity.',
  ]
  return {
    verdict: 'undetermined',
    confidence: 0,
    severity: incident.severity,
    summary: sentences
      .filter(sentence => sentence !== '')
      .join(' ')
      .slice(0, 4_000),
    likelyCause: 'Not judged: this report holds facts only.',
    recommendedAction:
      incident.action === 'throttled'
        ? 'The identity is throttled. Look at the cited events, then pardon it or let the throttle run out.'
        : 'Nothing was done. Look at the cited events and decide whether to throttle the identity.',
    evidence: [reference, ...evidence.map(({ stream, sequence }) => ({ stream, sequence }))].slice(0, 50),
  }
}

function modelOf(data: unknown): string {
  const { model } = data as { model?: unknown }
  return typeof model === 'string' ? model : ''
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
