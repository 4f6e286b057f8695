import type { IncidentView } from '../../../src/incidents/answers.ts'
import { humanized, Time } from '../format/index.ts'
import { Badge, Loading, Panel, type Tone } from '../layout/index.ts'

const VERDICT_TONES: Readonly<Record<string, Tone>> = {
  abuse: 'bad',
  misconfiguration: 'warn',
  legitimate_burst: 'good',
  undetermined: 'neutral',
}

/** What was written about the incident, and by whom: a model, or the facts alone. It is text, never markup. */
export function IncidentReport({ incident }: { incident: IncidentView }) {
  const { report, reportSource, reportModel, reportedAt } = incident
  if (!report) {
    return (
      <Panel title="Report">
        <p class="prose muted">No report yet. The first one is generated without a model.</p>
        <Loading rows={4} />
      </Panel>
    )
  }
  const confidence = Math.round(report.confidence * 100)
  const author =
    reportSource === 'model' ? `Written by ${reportModel ?? 'a model'}` : 'Generated without a model'
  return (
    <Panel
      title="Report"
      aside={
        <span class="author">
          {author}
          {reportedAt !== null && (
            <>
              {' · '}
              <Time at={reportedAt} />
            </>
          )}
        </span>
      }
    >
      <div class="report" data-testid="incident-report" data-source={reportSource}>
        <div class="verdict">
          <Badge tone={VERDICT_TONES[report.verdict] ?? 'neutral'}>{humanized(report.verdict)}</Badge>
          <span class="confidence">
            <span class="confidence-bar">
              <span style={{ transform: `scaleX(${report.confidence})` }} />
            </span>
            <span class="num">{confidence} % confidence</span>
          </span>
        </div>
        <p class="report-summary">{report.summary}</p>
        <h3>Likely cause</h3>
        <p class="prose">{report.likelyCause}</p>
        <h3>Recommended action</h3>
        <p class="prose">{report.recommendedAction}</p>
      </div>
    </Panel>
  )
}
