import { IncidentReport, jsonParser, type Parsed, positionText } from '@fluxgate/contracts'
import { type CaseFile, resolveReferences } from './evidence.ts'
import { type Message, promptFor, type Refused, reportFormat } from './prompt.ts'
import { visible } from './untrusted-text.ts'

export type Answer =
  | { readonly ok: true; readonly report: IncidentReport }
  | { readonly ok: false; readonly reason: string }

/** Asks the model and returns its words; a model that cannot be reached is an error. */
export type AskModel = (
  messages: readonly Message[],
  format: Record<string, unknown>,
  signal: AbortSignal,
) => Promise<string>

const ASKED_TIMES = 2
const MAX_REASON_CHARS = 300
const MAX_TEXT_CHARS = 4_000
const MAX_CITED = 5

const parseReport = jsonParser(IncidentReport)

/** An answer that is no report, or cites what is not there, is refused with the reason and asked for again once. */
export async function writeReport(file: CaseFile, ask: AskModel, signal: AbortSignal): Promise<Answer> {
  let refused: Refused | undefined
  for (let tries = 0; tries < ASKED_TIMES; tries++) {
    const answer = await ask(promptFor(file, refused), reportFormat(file), signal)
    const report = readReport(file, answer)
    if (report.ok) return { ok: true, report: report.value }
    refused = { answer, reason: visible(report.reason, MAX_REASON_CHARS) }
  }
  return { ok: false, reason: refused?.reason ?? 'not asked' }
}

/** The model's words → a report that cites only what exists. Its texts are as untrusted as what they may repeat. */
export function readReport(file: CaseFile, answer: string): Parsed<IncidentReport> {
  const parsed = parseReport(Buffer.from(answer))
  if (!parsed.ok) return parsed
  const { value } = parsed
  const { cited, invented } = resolveReferences(file, value.evidence)
  if (invented.length > 0) {
    const names = invented.slice(0, MAX_CITED).map(positionText).join(', ')
    return { ok: false, reason: `it cites ${names}, which the data do not hold` }
  }
  return {
    ok: true,
    value: {
      ...value,
      summary: visible(value.summary, MAX_TEXT_CHARS),
      likelyCause: visible(value.likelyCause, MAX_TEXT_CHARS),
      recommendedAction: visible(value.recommendedAction, MAX_TEXT_CHARS),
      evidence: cited,
    },
  }
}
