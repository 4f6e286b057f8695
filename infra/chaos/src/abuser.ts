import assert from 'node:assert/strict'
import { eventually } from '@fluxgate/testing'
import type { TestEnv } from './test-env.ts'

/** Far more than the guard lets a tier burn in one window, in one call that a full bucket lets pass. */
const TOKENS = 1_500
const LIMIT_MS = 60_000

/** Somebody who drains tokens: the whole loop has to answer, from the gateway to the guard and back. */
export interface Abuser {
  readonly user: string
  /** Burns what the guard must notice. */
  burn(): Promise<void>
  /** Resolves when the gateway refuses the culprit because of the guard's throttle. */
  throttled(): Promise<void>
}

export async function newAbuser(env: TestEnv, user: string): Promise<Abuser> {
  const key = await env.newKey(user)
  const call = async (tokens: number) => {
    const response = await fetch(`${env.origin}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: `phi4-mini#rate=0;tokens=${tokens}`,
        max_tokens: tokens,
        messages: [{ role: 'user', content: 'All of it.' }],
      }),
    })
    return { status: response.status, body: (await response.json()) as { error?: { code?: string } } }
  }
  return {
    user,
    async burn() {
      const { status } = await call(TOKENS)
      assert.equal(status, 200, `${user} burns`)
    },
    async throttled() {
      const attempt = async () => assert.equal((await call(1)).body.error?.code, 'throttled', user)
      await eventually(attempt, { timeoutMs: LIMIT_MS, everyMs: 100 })
    },
  }
}
