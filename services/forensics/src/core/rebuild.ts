/** Streams' positions while tables are rebuilt: how far the new ones are, and how far the live ones. */
export interface RebuildProgress {
  readonly rebuilt: number
  readonly live: number
}

/** Builds the tables anew beside the live ones and swaps them. @returns undefined when it is done, or why it is not */
export type Rebuild = (
  options: { readonly acceptLoss: boolean },
  told: (progress: RebuildProgress) => void,
  signal: AbortSignal,
) => Promise<string | undefined>
