import type { IncidentReport } from '@fluxgate/contracts'
import type { Insertable, Selectable } from 'kysely'
import type {
  ApiKeysTable,
  ErasedUsersTable,
  InvitationsTable,
  SessionsTable,
  UsersTable,
} from './accounts/tables.ts'
import type { Defaulted, Json, OptionalJson, OptionalTime, Time } from './columns.ts'

export type { UserRole, UserTier } from './accounts/tables.ts'

export interface ProjectionCheckpointsTable {
  projection: string
  version: number
  stream: string
  sequence: number
  event_time: OptionalTime
  updated_at: Time
  stream_created: string | null
}

export type RequestState = 'admitted' | 'refused' | 'completed' | 'failed' | 'interrupted'

export interface RequestsTable {
  request_id: string
  user_id: string
  key_id: string
  state: RequestState
  at: Time
  tier: string | null
  dialect: string | null
  method: string | null
  path: string | null
  model: string | null
  answered_model: string | null
  upstream: string | null
  stream: boolean | null
  address: string | null
  agent: string | null
  source: string | null
  status: number | null
  reason: string | null
  phase: string | null
  message: string | null
  retry_after_ms: number | null
  refused_by: string | null
  ended_at: OptionalTime
  duration_ms: number | null
  first_byte_ms: number | null
  bytes: number | null
  attempts: number | null
  prompt_chars: number | null
  prompt_estimate: number | null
  reserved: number | null
  prompt_tokens: number | null
  completion_tokens: number | null
  total_tokens: number | null
  cached_tokens: number | null
  cache_write_5m_tokens: number | null
  cache_write_1h_tokens: number | null
  reasoning_tokens: number | null
  audio_input_tokens: number | null
  audio_output_tokens: number | null
  images: number | null
  tool_calls: number | null
  cost_micros: number | null
  token_source: string | null
  settled_at: OptionalTime
  decided_sequence: number | null
  ended_sequence: number | null
  settled_sequence: number | null
}

/** Requests by how they ended, and their tokens by category. */
interface Sums {
  admitted: number
  refused: number
  completed: number
  failed: number
  interrupted: number
  settled: number
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
  cached_tokens: Defaulted<number>
  cache_write_5m_tokens: Defaulted<number>
  cache_write_1h_tokens: Defaulted<number>
  reasoning_tokens: Defaulted<number>
  audio_input_tokens: Defaulted<number>
  audio_output_tokens: Defaulted<number>
  images: Defaulted<number>
  tool_calls: Defaulted<number>
  cost_micros: Defaulted<number>
}

export interface RequestTotalsTable extends Sums {
  id: number
  repeated: number
}

interface UsageTable extends Sums {
  user_id: string
  key_id: string
  model: string
  upstream: string
  duration_ms_sum: number
  first_byte_ms_sum: number
  first_byte_count: number
  bytes: number
}

export interface UsageMinutesTable extends UsageTable {
  minute: Time
}

export interface UsageHoursTable extends UsageTable {
  hour: Time
}

export interface UsageDaysTable extends UsageTable {
  day: Time
}

interface LatencyTable {
  model: string
  upstream: string
  measure: 'duration' | 'first_byte'
  bucket: number
  count: number
}

export interface LatencyMinutesTable extends LatencyTable {
  minute: Time
}

export interface LatencyHoursTable extends LatencyTable {
  hour: Time
}

export interface LatencyDaysTable extends LatencyTable {
  day: Time
}

export interface AuthEventsTable {
  event_id: string
  sequence: number
  at: Time
  fact: string
  user_id: string
  key_id: string
  actor: string | null
  address: string | null
  account: string | null
  reason: string | null
  detail: Json<Record<string, unknown>>
}

export type ThrottleState = 'active' | 'replaced' | 'pardoned' | 'expired'

export interface ThrottlesTable {
  id: string
  user_id: string
  key_id: string
  state: ThrottleState
  capacity: number
  refill_rate: number
  rule: string
  reason: string
  actor: string
  incident_id: string | null
  imposed_at: Time
  until: Time
  ended_at: OptionalTime
  ended_by: string | null
  end_reason: string | null
  end_streams: Defaulted<boolean>
  sequence: number
}

export type IncidentState = 'opened' | 'reported' | 'acknowledged' | 'closed'

export interface IncidentsTable {
  id: string
  user_id: string
  key_id: string
  rule: string
  severity: string
  state: IncidentState
  explanation: string
  numbers: Json<Record<string, number>>
  evidence: Json<Array<{ stream: string; sequence: number }>>
  action: 'observed' | 'throttled'
  until: OptionalTime
  opened_at: Time
  sequence: number
  report: OptionalJson<IncidentReport>
  report_source: 'facts' | 'model' | null
  report_model: string | null
  reported_at: OptionalTime
  acknowledged_at: OptionalTime
  acknowledged_by: string | null
  note: string | null
  closed_at: OptionalTime
  closed_by: string | null
  close_reason: string | null
  joined_into: string | null
  findings: Defaulted<number>
}

export interface ProjectionHeadsTable {
  stream: string
  sequence: number
  seen_at: Time
}

export interface BudgetCrossingsTable {
  event_id: string
  sequence: number
  at: Time
  user_id: string
  key_id: string
  request_id: string
  budget: string
  each: string
  holder: string
  period: string
  period_start: Time
  level: 'soft' | 'hard'
  unit: string
  limit_amount: number
  used_amount: number
}

export interface Tables {
  users: UsersTable
  api_keys: ApiKeysTable
  sessions: SessionsTable
  invitations: InvitationsTable
  erased_users: ErasedUsersTable
  projection_checkpoints: ProjectionCheckpointsTable
  requests: RequestsTable
  request_totals: RequestTotalsTable
  usage_minutes: UsageMinutesTable
  usage_hours: UsageHoursTable
  usage_days: UsageDaysTable
  latency_minutes: LatencyMinutesTable
  latency_hours: LatencyHoursTable
  latency_days: LatencyDaysTable
  budget_crossings: BudgetCrossingsTable
  projection_heads: ProjectionHeadsTable
  auth_events: AuthEventsTable
  throttles: ThrottlesTable
  incidents: IncidentsTable
}

export type Row<Name extends keyof Tables> = Selectable<Tables[Name]>
export type NewRow<Name extends keyof Tables> = Insertable<Tables[Name]>
