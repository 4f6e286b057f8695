/** Messages of the log that are folded anew. */
export interface RebuildProgress {
  readonly done: number
  readonly total: number
}

/** Builds the tables anew beside the live ones and swaps them. @returns undefined when it is done, or why it is not */
export type Rebuild = (
  options: { readonly acceptLoss: boolean },
  told: (progress: RebuildProgress) => void,
  signal: AbortSignal,
) => Promise<string | undefined>
