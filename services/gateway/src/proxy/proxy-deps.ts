import type { EventMaker, Identity, OutgoingEvent, Prices, Throttle } from '@fluxgate/contracts'
import type { AcceptedKeys } from '../callers/accepted-keys.ts'
import type { KeyAnswer } from '../http/refusal-messages.ts'
import type { BudgetTable } from '../budgets/budget-table.ts'
import type { StepProbe } from '../http/boundary.ts'
import type { AdmittedCall, Call } from '../call/call.ts'
import type { PassedHeaders } from '../call/passed-headers.ts'
import type { CallTrace } from '../call/trace.ts'
import type { Upstreams } from '../upstreams/upstream.ts'
import type { EstimateLimits } from '../budgets/estimate.ts'
import type { LimitTable } from '../limits/limit-table.ts'
import type { Refusal } from '../http/refusal.ts'
import type { RefusalReports } from '../call/refusal-reports.ts'
import type { SlotList } from '@fluxgate/runtime'
import type { Routes } from '../dialects/routes.ts'
import type { Bodies } from '../edge/bodies.ts'
import type { AddressOf } from '../edge/client-address.ts'
import type { Exchange, ExchangeDeps } from './exchange.ts'

export interface ProxyDeps {
  readonly exchange: ExchangeDeps
  readonly upstreams: Upstreams
  readonly lookupKey: (key: string) => KeyAnswer | Promise<KeyAnswer>
  readonly throttleOf: (identity: string) => Throttle | undefined
  readonly limits: LimitTable
  readonly budgets: BudgetTable
  readonly prices: Pick<Prices, 'book'>
  readonly estimates: EstimateLimits
  readonly accepted: AcceptedKeys
  readonly bodies: Bodies
  readonly refusals: RefusalReports
  /** Every call that may leave this node. */
  readonly routes: Routes
  /** Request headers that pass to a model server. */
  readonly passedHeaders: PassedHeaders
  /** True when this node has more to do than it can. */
  readonly overloaded: () => boolean
  readonly append: (event: OutgoingEvent) => void
  readonly make: EventMaker
  /** True when the log can take no new work. */
  readonly logFull: () => boolean
  readonly newRequestId: () => string
  readonly nowMs: () => number
  readonly epochMs: () => number
  /** The address as events have it: a keyed hash. */
  readonly addressOf: AddressOf
  readonly onReserved: (call: AdmittedCall) => void
  readonly onRefused: (call: Call, identity: Identity, refusal: Refusal, status: number) => void
  /** Absent while tracing is off. */
  readonly beginTrace?: ((traceparent: string | undefined) => CallTrace) | undefined
  /** A fault of our own, which the client is told of as a status 500. */
  readonly onFault: (error: unknown) => void
  /** For tests that throw at each step of a request. */
  readonly probe?: StepProbe | undefined
  /** Exchanges in flight. */
  readonly running: SlotList<Exchange>
}
