import { type Database, usageByModel } from '@fluxgate/read-model'

const DAY_MS = 86_400_000

/** The model that was asked the most in the last day; `otherwise` when none was. */
export async function modelToTry(db: Database, nowMs: number, otherwise: string): Promise<string> {
  const models = await usageByModel(db, { from: nowMs - DAY_MS, to: nowMs, limit: 5 })
  return models.find(({ model, totalTokens }) => model !== '' && totalTokens > 0)?.model ?? otherwise
}
