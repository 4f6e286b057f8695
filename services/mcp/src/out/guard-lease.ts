import type { NatsLink } from '@fluxgate/nats'
import type { GuardLease } from '../core/desk.ts'

const STREAM = 'KV_leases'
const SUBJECT = '$KV.leases.guard'
const decoder = new TextDecoder()

/** Read from the bucket's stream, which knows when the record was renewed. */
export async function readGuardLease(link: NatsLink): Promise<GuardLease | undefined> {
  try {
    const { data, time } = await link.manager.streams.getMessage(STREAM, { last_by_subj: SUBJECT })
    const { holder, term, state } = JSON.parse(decoder.decode(data)) as Record<string, unknown>
    const { sequence } = (state ?? {}) as { sequence?: unknown }
    return {
      holder: typeof holder === 'string' ? holder : '',
      term: typeof term === 'number' ? term : 0,
      renewedAt: time.getTime(),
      sequence: Number.isSafeInteger(sequence) ? (sequence as number) : null,
    }
  } catch (error) {
    const { message } = error as Error
    if (/no message found|stream not found/.test(message) || error instanceof SyntaxError) return undefined
    throw error
  }
}
