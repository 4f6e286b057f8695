import {
  type EventDefinition,
  eventMaker,
  type FluxgateEvent,
  type IncidentReport,
  RequestAdmitted,
  ThrottleImposed,
  ThrottlePardoned,
  TokensSettled,
} from '@fluxgate/contracts'
import type { Static, TSchema } from 'typebox'
import type { CaseFile, Evidence } from './evidence.ts'

const AT_MS = Date.UTC(2026, 0, 1)
const make = eventMaker(
  '/test/1',
  () => 'event-0000000000000',
  () => AT_MS,
)
const who = { user: 'ada', key: 'k1' }

export function exhibit<D extends EventDefinition<string, TSchema>>(
  stream: string,
  sequence: number,
  definition: D,
  data: Static<D['data']>,
): Evidence {
  return { stream, sequence, event: make(definition, data).event as FluxgateEvent }
}

export function settled(sequence: number, total: number, model = 'phi4'): Evidence {
  const counts = { usage: { input: 0, output: total }, total, reserved: total, progressed: 0 }
  const rest = {
    request: 'req_00000001',
    tier: 'free',
    refillRate: 100,
    upstream: 'up',
    source: 'reported',
  } as const
  return exhibit('TOKENS', sequence, TokensSettled, { ...who, ...rest, ...counts, model })
}

export function admitted(sequence: number, agent: string): Evidence {
  return exhibit('REQUESTS', sequence, RequestAdmitted, {
    ...who,
    request: 'req_00000001',
    tier: 'free',
    dialect: 'openai',
    method: 'POST',
    path: '/v1/x',
    model: 'phi4',
    stream: false,
    address: '10.0.0.1',
    agent,
    promptChars: 1,
    promptEstimate: 1,
    reserved: 1,
  })
}

/** Two settlements of 600 tokens; an earlier throttle and its pardon. */
export function caseFile(change: Partial<CaseFile> = {}): CaseFile {
  const earlier = {
    capacity: 1,
    refillRate: 1,
    until: AT_MS,
    reason: 'r',
    rule: 'contextFlood',
    actor: 'guard',
  }
  return {
    incident: {
      ...who,
      incident: 'inc_00000001',
      rule: 'contextFlood',
      severity: 'high',
      action: 'throttled',
      explanation: 'Consumed 600 tokens within 2 s in 2 events.',
      numbers: { burntTokens: 600, timesAllowance: 1.2345 },
      evidence: [],
      until: AT_MS + 60_000,
    },
    openedAt: new Date(AT_MS).toISOString(),
    reference: { stream: 'INCIDENTS', sequence: 9 },
    evidence: [settled(1, 200), settled(2, 400)],
    missing: 0,
    history: {
      requests: {
        count: 2,
        isCut: false,
        models: [['phi4', 2]],
        agents: [['curl/8', 2]],
        addresses: [['10.0.0.1', 2]],
        paths: [['/v1/x', 2]],
      },
      throttles: [
        exhibit('THROTTLES', 3, ThrottleImposed, { ...who, ...earlier }),
        exhibit('THROTTLES', 4, ThrottlePardoned, { ...who, actor: 'admin', reason: 'known' }),
      ],
      incidents: [],
    },
    ...change,
  }
}

export const GOOD: IncidentReport = {
  verdict: 'abuse',
  confidence: 0.9,
  severity: 'high',
  summary: 'A flood.',
  likelyCause: 'A loop.',
  recommendedAction: 'Keep the throttle.',
  evidence: [{ stream: 'TOKENS', sequence: 1 }],
}
