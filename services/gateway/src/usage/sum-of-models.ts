import { addUsage, MAX_BILLED_MODELS, NO_USAGE, type Usage } from '@fluxgate/contracts'
import type { ReportedModel } from './reported.ts'

/** The usage of a call that several models billed. */
export function sumOfModels(models: readonly ReportedModel[]): Usage {
  return models.reduce((sum, { usage }) => addUsage(sum, usage), NO_USAGE)
}

/** One entry for each model; more models than a settlement holds share the last entry's place. */
export function byModel(entries: readonly ReportedModel[]): ReportedModel[] {
  const sums = new Map<string, Usage>()
  for (const { model, usage } of entries) {
    const name = sums.has(model) || sums.size < MAX_BILLED_MODELS ? model : [...sums.keys()].at(-1)!
    sums.set(name, addUsage(sums.get(name) ?? NO_USAGE, usage))
  }
  return Array.from(sums, ([model, usage]) => ({ model, usage }))
}
