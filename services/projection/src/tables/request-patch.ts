export type RequestState = 'admitted' | 'refused' | 'completed' | 'failed' | 'interrupted'

/** Which events the stored row of a request holds already. */
export interface KnownRequest {
  readonly decided: boolean
  readonly ended: boolean
  readonly settled: boolean
}

/** What the batch tells of one request; null is what it does not tell. Times are epoch milliseconds. */
export interface RequestPatch {
  readonly id: string
  readonly user: string
  readonly key: string
  state: RequestState
  atMs: number
  tier: string | null
  dialect: string | null
  method: string | null
  path: string | null
  model: string | null
  answeredModel: string | null
  upstream: string | null
  stream: boolean | null
  address: string | null
  agent: string | null
  source: string | null
  status: number | null
  reason: string | null
  phase: string | null
  message: string | null
  retryAfterMs: number | null
  refusedBy: string | null
  endedAtMs: number | null
  durationMs: number | null
  firstByteMs: number | null
  bytes: number | null
  attempts: number | null
  promptChars: number | null
  promptEstimate: number | null
  reserved: number | null
  promptTokens: number | null
  completionTokens: number | null
  totalTokens: number | null
  cachedTokens: number | null
  cacheWrite5mTokens: number | null
  cacheWrite1hTokens: number | null
  reasoningTokens: number | null
  audioInputTokens: number | null
  audioOutputTokens: number | null
  images: number | null
  toolCalls: number | null
  costMicros: number | null
  tokenSource: string | null
  settledAtMs: number | null
  decidedSequence: number | null
  endedSequence: number | null
  settledSequence: number | null
}

export function emptyPatch(id: string, user: string, key: string, atMs: number): RequestPatch {
  return {
    id,
    user,
    key,
    state: 'admitted',
    atMs,
    tier: null,
    dialect: null,
    method: null,
    path: null,
    model: null,
    answeredModel: null,
    upstream: null,
    stream: null,
    address: null,
    agent: null,
    source: null,
    status: null,
    reason: null,
    phase: null,
    message: null,
    retryAfterMs: null,
    refusedBy: null,
    endedAtMs: null,
    durationMs: null,
    firstByteMs: null,
    bytes: null,
    attempts: null,
    promptChars: null,
    promptEstimate: null,
    reserved: null,
    promptTokens: null,
    completionTokens: null,
    totalTokens: null,
    cachedTokens: null,
    cacheWrite5mTokens: null,
    cacheWrite1hTokens: null,
    reasoningTokens: null,
    audioInputTokens: null,
    audioOutputTokens: null,
    images: null,
    toolCalls: null,
    costMicros: null,
    tokenSource: null,
    settledAtMs: null,
    decidedSequence: null,
    endedSequence: null,
    settledSequence: null,
  }
}
