import { Counter, createMetrics, Histogram, type Registry } from '@fluxgate/runtime'

const ANSWER_SECONDS = [0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300]

export interface ReporterMetrics {
  readonly registry: Registry
  readonly reports: Counter<'source'>
  readonly joined: Counter
  readonly notifications: Counter<'outcome'>
  readonly outcomes: Counter<'outcome'>
  readonly answerSeconds: Histogram
}

export function reporterMetrics(): ReporterMetrics {
  const registry = createMetrics('incident-reporter')
  const registers = [registry]
  return {
    registry,
    reports: new Counter({
      name: 'fluxgate_incident_reports_published_total',
      help: 'Reports published, by source.',
      labelNames: ['source'],
      registers,
    }),
    joined: new Counter({
      name: 'fluxgate_incident_findings_joined_total',
      help: 'Findings that joined an earlier incident of the same identity and rule.',
      registers,
    }),
    notifications: new Counter({
      name: 'fluxgate_incident_notifications_total',
      help: 'Tries to notify the webhook, by outcome.',
      labelNames: ['outcome'],
      registers,
    }),
    outcomes: new Counter({
      name: 'fluxgate_incident_reports_total',
      help: 'Answers of the model, by outcome.',
      labelNames: ['outcome'],
      registers,
    }),
    answerSeconds: new Histogram({
      name: 'fluxgate_incident_answer_seconds',
      help: 'Time the model took for an answer, or for none.',
      buckets: ANSWER_SECONDS,
      registers,
    }),
  }
}
