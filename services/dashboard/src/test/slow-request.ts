import {
  type Identity,
  RequestAdmitted,
  RequestCompleted,
  TokensProgressed,
  TokensSettled,
} from '@fluxgate/contracts'
import { ulid } from 'ulid'
import type { TestEnv } from './test-env.ts'

export const SLOW = `req_${ulid()}`

/** A request whose events happened one after the other, as a gateway tells of a stream of two seconds. */
export async function slowRequest(testEnv: TestEnv, identity: Identity): Promise<void> {
  const startMs = Date.now() - 2_500
  const common = { request: SLOW, ...identity, model: 'sim-small' }
  const tier = { tier: 'free' as const, refillRate: 100 }
  const at = (ms: number) => ({ timeMs: startMs + ms })
  const asked = {
    method: 'POST',
    path: '/v1/chat/completions',
    address: '127.0.0.1',
    dialect: 'openai' as const,
  }
  const estimate = { promptChars: 40, promptEstimate: 10, reserved: 266, tier: 'free' as const, stream: true }
  const ending = { upstream: 'sim', status: 200, durationMs: 2_030, firstByteMs: 480, bytes: 9_000 }
  const counted = { prompt: 10, completion: 40, delta: 50, elapsedMs: 1_000 }
  const usage = { input: 10, output: 90 }
  const total = { upstream: 'sim', usage, total: 100, reserved: 266, progressed: 50 }
  for (const event of [
    testEnv.make(RequestAdmitted, { ...common, ...asked, ...estimate }, at(30)),
    testEnv.make(TokensProgressed, { ...common, ...tier, ...counted }, at(1_030)),
    testEnv.make(RequestCompleted, { ...common, ...ending }, at(2_030)),
    testEnv.make(TokensSettled, { ...common, ...tier, ...total, source: 'reported' }, at(2_034)),
  ]) {
    await testEnv.publisher.publish(event)
  }
}
