import { deadLetterSubject } from '@fluxgate/contracts'
import { DEAD_LETTER_HEADERS, replayStored } from '@fluxgate/nats'
import type { TestEnv } from './test-env.ts'

/** A subject of each stream, and of facts that gateways listen to as they are published. */
const SUBJECTS = [
  'fluxgate.requests.00.admitted.mallory.k1',
  'fluxgate.tokens.00.settled.mallory.k1',
  'fluxgate.auth.00.key_revoked.mallory.k1',
  'fluxgate.auth.00.user_disabled.mallory.k1',
  'fluxgate.auth.00.logged_out.mallory.k1',
  'fluxgate.throttles.00.imposed.mallory.k1',
  'fluxgate.incidents.opened.mallory',
]
const GARBAGE: readonly (string | Uint8Array)[] = [
  'not JSON',
  '',
  '{"specversion":"1.0"}',
  '[1,2,3]',
  '{"type":"fluxgate.tokens.stolen","specversion":"1.0","id":"x"}',
  new Uint8Array([0xff, 0xfe, 0x00, 0x80]),
]

/** Garbage into every stream, and into the bucket that gateways watch. */
export async function publishPoison({ link, poisoned }: TestEnv): Promise<void> {
  for (const subject of SUBJECTS) {
    for (const garbage of GARBAGE) {
      const { stream, seq } = await link.jetstream.publish(subject, garbage)
      poisoned.add(`${stream}:${seq}`)
    }
  }
  await link.jetstream.publish('$KV.throttles.mallory.k1', 'not JSON')
}

/** `<stream>:<sequence>` of every message that lies in the dead letters with a reason. */
export async function buried({ link }: TestEnv): Promise<Set<string>> {
  const found = new Set<string>()
  for await (const letters of replayStored(link, { stream: 'DEADLETTER', from: 'first' })) {
    for (const { subject, headers } of letters) {
      const stream = headers?.get(DEAD_LETTER_HEADERS.stream) ?? ''
      const reason = headers?.get(DEAD_LETTER_HEADERS.reason) ?? ''
      if (reason === '' || subject !== deadLetterSubject(stream)) continue
      found.add(`${stream}:${headers?.get(DEAD_LETTER_HEADERS.sequence)}`)
    }
  }
  return found
}
