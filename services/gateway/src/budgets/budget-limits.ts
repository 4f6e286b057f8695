export interface BudgetLimits {
  /** Holders whose sums one ledger keeps; beyond it those that have used least are forgotten, and that is told. */
  readonly maxBudgetHolders: number
  /** Calls in flight, or settled and not yet seen in the log. Beyond it hard budgets let nothing more through. */
  readonly maxBudgetHolds: number
  /** For so long a hard budget whose sums are not known refuses; then it is held to what is known. */
  readonly budgetLoadingMs: number
  /** A node that starts waits so long for the sums before it takes calls. */
  readonly budgetStartMs: number
  /** The sums are written to disk once in this time, if they have changed. */
  readonly budgetCheckpointMs: number
}
