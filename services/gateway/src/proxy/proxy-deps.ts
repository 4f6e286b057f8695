import type { EventMaker, Identity, OutgoingEvent, Prices, Throttle } from '@fluxgate/contracts'
import type { SlotList } from '@fluxgate/runtime'
import type { BudgetTable, EstimateLimits } from '../budgets/index.ts'
import type { AdmittedCall, Call, CallTrace, PassedHeaders, RefusalReports } from '../call/index.ts'
import type { AcceptedKeys } from '../callers/index.ts'
import type { Routes } from '../dialects/index.ts'
import type { AddressOf, Bodies } from '../edge/index.ts'
import type { KeyAnswer, Refusal, StepProbe } from '../http/index.ts'
import type { LimitTable } from '../limits/index.ts'
import type { Upstreams } from '../upstreams/index.ts'
import type { Exchange, ExchangeDeps } from './exchange.http.ts'

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
  readonly onError: (error: unknown) => void
  /** For tests that throw at each step of a request. */
  readonly probe?: StepProbe | undefined
  /** Exchanges in flight. */
  readonly running: SlotList<Exchange>
}
