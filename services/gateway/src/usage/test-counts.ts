import type { JsonObject } from '@fluxgate/contracts'
import { UsageCollector } from '../dialects/collector.ts'
import type { Convention } from './reported.ts'

/** What a convention makes of the parts of one answer. */
export function read(convention: Convention, ...parts: object[]) {
  const collector = new UsageCollector(convention)
  for (const part of parts) collector.see(part as JsonObject)
  return collector
}

export const counts = (convention: Convention, ...parts: object[]) => read(convention, ...parts).usage?.counts
