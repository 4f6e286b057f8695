/** Where a call stands in a distributed trace (W3C Trace Context). Ids are lower-case hex. */
export interface CallTrace {
  readonly traceId: string
  /** The caller's span, when it sent one. */
  readonly parentSpanId: string | undefined
  /** Our answer to the caller. */
  readonly serverSpanId: string
  /** Our call of the upstream. */
  readonly clientSpanId: string
  readonly isSampled: boolean
}

export interface TraceParent {
  readonly traceId: string
  readonly spanId: string
  readonly isSampled: boolean
}

const NO_TRACE = '0'.repeat(32)
const NO_SPAN = '0'.repeat(16)
const SAMPLED = 1

/** Reads a well-formed traceparent (W3C Trace Context section 3.2.2.3); ids of zeros and version `ff` are invalid. */
export function parentOf(traceparent: string | undefined): TraceParent | undefined {
  if (traceparent === undefined || traceparent.startsWith('ff')) return undefined
  const traceId = traceparent.slice(3, 35)
  const spanId = traceparent.slice(36, 52)
  if (traceId === NO_TRACE || spanId === NO_SPAN) return undefined
  return {
    traceId,
    spanId,
    isSampled: (Number.parseInt(traceparent.slice(53, 55), 16) & SAMPLED) === SAMPLED,
  }
}

/** What the upstream is told: its own spans belong under our call of it. */
export function traceparentTo({ traceId, clientSpanId, isSampled }: CallTrace): string {
  return `00-${traceId}-${clientSpanId}-${isSampled ? '01' : '00'}`
}

const LOOK_BYTES = 4_096
const MODEL = /"model"\s*:\s*"([^"\\]{1,256})"/

/** The model that an answer names in its first bytes. Text in an answer cannot feign it: its quotes are escaped. */
export function modelIn(chunk: Buffer): string | undefined {
  return MODEL.exec(chunk.toString('latin1', 0, LOOK_BYTES))?.[1]
}
