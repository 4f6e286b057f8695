import type { ComponentChildren } from 'preact'
import type { IncidentState } from '../../../src/incidents/answers.ts'
import { humanized } from '../format/index.ts'

export type Tone = 'neutral' | 'good' | 'warn' | 'bad' | 'info'

export function Badge({ tone = 'neutral', children }: { tone?: Tone; children: ComponentChildren }) {
  return <span class={`badge ${tone}`}>{children}</span>
}

const SEVERITY_TONES: Readonly<Record<string, Tone>> = {
  low: 'info',
  medium: 'warn',
  high: 'bad',
  critical: 'bad',
}

export function Severity({ severity }: { severity: string }) {
  return <Badge tone={SEVERITY_TONES[severity] ?? 'neutral'}>{humanized(severity)}</Badge>
}

const STATES: Readonly<Record<IncidentState, { tone: Tone; text: string }>> = {
  opened: { tone: 'bad', text: 'Open' },
  reported: { tone: 'bad', text: 'Reported' },
  acknowledged: { tone: 'info', text: 'Acknowledged' },
  closed: { tone: 'neutral', text: 'Closed' },
}

export function State({ state }: { state: IncidentState }) {
  const { tone, text } = STATES[state]
  return (
    <span class={`state ${tone}`}>
      <span class="dot" />
      {text}
    </span>
  )
}
