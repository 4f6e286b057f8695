import { readJson } from '@fluxgate/contracts'
import type { NatsLink } from '@fluxgate/nats'
import type { GuardLease } from '../core/desk.ts'

const STREAM = 'KV_leases'
const SUBJECT = '$KV.leases.guard'

/** Read from the bucket's stream, which knows when the record was renewed. */
export async function readGuardLease(link: NatsLink): Promise<GuardLease | undefined> {
  try {
    const { data, time } = await link.manager.streams.getMessage(STREAM, { last_by_subj: SUBJECT })
    const read = readJson(data, { maxSize: data.length })
    if (!read.ok || typeof read.value !== 'object' || read.value === null) return undefined
    const { holder, term, state } = read.value as Record<string, unknown>
    const { sequence } = (state ?? {}) as { sequence?: unknown }
    return {
      holder: typeof holder === 'string' ? holder : '',
      term: typeof term === 'number' ? term : 0,
      renewedAt: time.getTime(),
      sequence: Number.isSafeInteger(sequence) ? (sequence as number) : null,
    }
  } catch (error) {
    const { message } = error as Error
    if (/no message found|stream not found/.test(message)) return undefined
    throw error
  }
}
