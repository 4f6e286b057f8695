/** What a number of requests came to. Tokens are those of the settlements. */
export interface Sums {
  admitted: number
  refused: number
  completed: number
  failed: number
  interrupted: number
  /** Admitted, and not ended where the reading ends. */
  inFlight: number
  settled: number
  promptTokens: number
  completionTokens: number
  totalTokens: number
}

export function noSums(): Sums {
  return {
    admitted: 0,
    refused: 0,
    completed: 0,
    failed: 0,
    interrupted: 0,
    inFlight: 0,
    settled: 0,
    promptTokens: 0,
    completionTokens: 0,
    totalTokens: 0,
  }
}
