import { type IncidentReport, identityText } from '@fluxgate/contracts'
import { type CaseFile, citable, type Tally, tally, tokensOf } from './evidence.ts'
import { inline } from './untrusted-text.ts'

const MAX_TEXT_CHARS = 4_000
const MAX_EVIDENCE = 50
/** One event with this part of all tokens explains them by itself. */
const DOMINANT_PART = 0.8

/** What stands at once: the facts in sentences, with no judgement that they do not carry. */
export function factualReport(file: CaseFile): IncidentReport {
  const { incident, openedAt } = file
  const numbers = Object.entries(incident.numbers).map(([name, value]) => `${name} ${round(value)}`)
  const sentences = [
    `At ${openedAt} the guard's rule ${incident.rule} fired for ${identityText(incident)}: ${incident.explanation}`,
    numbers.length > 0 ? `The figures: ${numbers.join(', ')}.` : '',
    ...evidenceSentences(file),
    ...requestSentences(file),
    pastSentence(file),
  ]
  return {
    verdict: 'undetermined',
    confidence: 0,
    severity: incident.severity,
    summary: sentences
      .filter(sentence => sentence !== '')
      .join(' ')
      .slice(0, MAX_TEXT_CHARS),
    likelyCause: `${pattern(file)} The facts alone do not tell whether it was meant.`,
    recommendedAction: recommendedAction(file),
    evidence: citable({ ...file, history: { ...file.history, throttles: [], incidents: [] } }).slice(
      0,
      MAX_EVIDENCE,
    ),
  }
}

function evidenceSentences({ evidence, missing }: CaseFile): string[] {
  const tokens = evidence.map(tokensOf)
  const times = evidence.map(({ event }) => event.time).sort()
  const models = tally(evidence.map(({ event }) => modelOf(event.data)).filter(model => model !== ''))
  return [
    evidence.length === 0
      ? 'No cited event could be read.'
      : `${counted(evidence.length, 'event')} of the log cited, from ${times[0]} to ${times.at(-1)}, with ` +
        `${sum(tokens)} tokens, the largest with ${Math.max(...tokens)}.`,
    tallied('Models', models),
    missing > 0 ? `${counted(missing, 'cited event')} no longer in the log.` : '',
  ]
}

function requestSentences({ history }: CaseFile): string[] {
  const { count, isCut, agents, addresses, paths } = history.requests
  if (count === 0) return ['No request was admitted in the minute before.']
  return [
    `In the minute before, ${isCut ? 'more than ' : ''}${counted(count, 'request')} admitted.`,
    tallied('Addresses', addresses),
    tallied('User agents', agents),
    tallied('Paths', paths),
  ]
}

function pastSentence({ incident, history }: CaseFile): string {
  const own = history.incidents.filter(({ identity }) => identity === identityText(incident))
  const last = own[0]
  const verdict = last?.verdict === undefined ? '' : `, judged ${last.verdict}`
  const incidents = last
    ? ` Earlier incidents: ${own.length}, the last ${last.incident} (${last.rule}${verdict}).`
    : ''
  return throttleSentence(history) + incidents
}

function throttleSentence(history: CaseFile['history']): string {
  const times = (fact: string) =>
    history.throttles.filter(({ event }) => event.type === `fluxgate.throttles.${fact}`).length
  return times('imposed') === 0
    ? 'No earlier throttle of this identity was found.'
    : `Earlier throttles of this identity: ${times('imposed')}, pardoned: ${times('pardoned')}.`
}

function pattern({ evidence }: CaseFile): string {
  const tokens = evidence.map(tokensOf)
  const total = sum(tokens)
  if (total === 0) return 'The cited events tell no amounts.'
  const largest = Math.max(...tokens)
  return largest >= total * DOMINANT_PART
    ? `A single event made ${largest} of ${total} tokens: one very large request or stream.`
    : `${counted(evidence.length, 'event')} made ${total} tokens together: many requests in quick succession.`
}

function recommendedAction({ incident: { action, until } }: CaseFile): string {
  const end = until === undefined ? '' : ` until ${new Date(until).toISOString()}`
  return action === 'throttled'
    ? `The identity is throttled${end}. Look at the cited events, then pardon it or let the throttle run out.`
    : 'Nothing was done. Look at the cited events and decide whether to throttle the identity.'
}

function tallied(label: string, entries: Tally): string {
  if (entries.length === 0) return ''
  return `${label}: ${entries.map(([text, count]) => `${inline(text)} (${count})`).join(', ')}.`
}

function modelOf(data: unknown): string {
  const { model } = data as { model?: unknown }
  return typeof model === 'string' ? model : ''
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
