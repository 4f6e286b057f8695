import type { Names } from '../accounts/answers.ts'
import type { IncidentView } from '../incidents/answers.ts'
import type { NodeView, ProjectionLag } from '../system/answers.ts'

export interface Overview {
  readonly now: number
  readonly openIncidents: readonly IncidentView[]
  /** There are more open incidents than are listed. */
  readonly moreIncidents: boolean
  /** Null while it cannot be known. */
  readonly projection: readonly ProjectionLag[] | null
  readonly nodes: readonly NodeView[]
  readonly names: Names
}
