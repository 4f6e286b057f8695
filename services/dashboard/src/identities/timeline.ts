import type { TimelineEntry } from './answers.ts'

interface AuthFact {
  readonly id: string
  readonly at: number
  readonly fact: string
  readonly actor: string | null
  readonly address: string | null
  readonly reason: string | null
  readonly detail: Readonly<Record<string, unknown>>
}

interface ThrottleFact {
  readonly id: string
  readonly rule: string
  readonly reason: string
  readonly actor: string
  readonly state: string
  readonly incidentId: string | null
  readonly imposedAt: number
  readonly endedAt: number | null
  readonly endedBy: string | null
  readonly endReason: string | null
}

interface IncidentFact {
  readonly id: string
  readonly rule: string
  readonly explanation: string
  readonly openedAt: number
  readonly joinedInto: string | null
  readonly closedAt: number | null
  readonly closedBy: string | null
  readonly closeReason: string | null
}

interface BudgetFact {
  readonly id: string
  readonly at: number
  readonly budget: string
  readonly level: string
  readonly unit: string
  readonly limit: number
  readonly used: number
}

export interface TimelineFacts {
  readonly auth: readonly AuthFact[]
  readonly throttles: readonly ThrottleFact[]
  readonly incidents: readonly IncidentFact[]
  readonly budgets: readonly BudgetFact[]
}

/** A key that is used says so every minute: that is its usage, and would hide all else. */
const NOISE: ReadonlySet<string> = new Set(['key_accepted'])

/** What happened to an identity, newest first. */
export function timelineOf(
  { auth, throttles, incidents, budgets }: TimelineFacts,
  limit: number,
): TimelineEntry[] {
  const entries = [
    ...auth.filter(({ fact }) => !NOISE.has(fact)).map(authEntry),
    ...throttles.flatMap(throttleEntries),
    ...incidents.flatMap(incidentEntries),
    ...budgets.map(budgetEntry),
  ]
  return entries.sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1)).slice(0, limit)
}

function authEntry({ id, at, fact, actor, address, reason, detail }: AuthFact): TimelineEntry {
  const text = [textOf(detail), reason ?? '', address === null ? '' : `from ${address}`]
  return { id, at, kind: 'auth', fact, actor, text: text.filter(part => part !== '').join(' · '), href: null }
}

/** The figures of a fact that a person reads: a change, an order, a key's name. */
function textOf(detail: Readonly<Record<string, unknown>>): string {
  const textAt = (name: string) => (typeof detail[name] === 'string' ? (detail[name] as string) : '')
  if (textAt('from') !== '' || textAt('to') !== '') return `${textAt('from')} → ${textAt('to')}`
  return [textAt('order').replaceAll('_', ' '), textAt('wanted'), textAt('name')]
    .filter(part => part !== '')
    .join(' ')
}

function throttleEntries(throttle: ThrottleFact): TimelineEntry[] {
  const { id, rule, reason, actor, state, incidentId, imposedAt, endedAt, endedBy, endReason } = throttle
  const href = incidentId === null ? null : `/incidents/${incidentId}`
  const shared = { kind: 'throttle', href } as const
  const imposed = { ...shared, id, at: imposedAt, fact: 'imposed', actor, text: `${rule}: ${reason}` }
  if (endedAt === null || state === 'replaced') return [imposed]
  const ended = { id: `${id}/end`, at: endedAt, fact: state, actor: endedBy, text: endReason ?? '' }
  return [imposed, { ...shared, ...ended }]
}

function incidentEntries(incident: IncidentFact): TimelineEntry[] {
  const { id, rule, explanation, openedAt, joinedInto, closedAt, closedBy, closeReason } = incident
  const shared = { kind: 'incident', href: `/incidents/${joinedInto ?? id}` } as const
  const fact = joinedInto === null ? 'opened' : 'joined'
  const opened = { ...shared, id, at: openedAt, fact, actor: null, text: `${rule}: ${explanation}` }
  if (closedAt === null) return [opened]
  const closed = { id: `${id}/end`, at: closedAt, fact: 'closed', actor: closedBy, text: closeReason ?? '' }
  return [opened, { ...shared, ...closed }]
}

function budgetEntry({ id, at, budget, level, unit, limit, used }: BudgetFact): TimelineEntry {
  const fact = level === 'hard' ? 'limit_reached' : 'warning_level'
  const text = `${budget}: ${used} of ${limit} ${unit}`
  return { id, at, kind: 'budget', fact, actor: null, text, href: null }
}
