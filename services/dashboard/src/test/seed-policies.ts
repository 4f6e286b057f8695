import type { PolicyPage } from '../policy/answers.ts'
import { ApiClient } from './api-client.ts'
import { logIn, OPERATOR, type TestEnv } from './test-env.ts'

/** A policy in force, a stricter one in its shadow, and a history of both. */
export async function setPolicies(testEnv: TestEnv): Promise<void> {
  const cookie = await logIn(testEnv, OPERATOR.email)
  const headers = { cookie, 'content-type': 'application/json', origin: testEnv.url }
  const { defaults } = await new ApiClient(testEnv, cookie).read<PolicyPage>('/api/policies')
  for (const [key, policy] of [
    ['guard', defaults],
    ['guard', { ...defaults, graceMs: defaults.graceMs * 2 }],
    ['guard-shadow', { ...defaults, penalty: { ...defaults.penalty, durationMs: 300_000 } }],
  ] as const) {
    const body = JSON.stringify({ policy })
    const put = { method: 'PUT', headers: { ...headers, 'sec-fetch-site': 'same-origin' }, body }
    const answer = await fetch(`${testEnv.url}/api/policies/${key}`, put)
    if (!answer.ok) throw new Error(`${key}: ${answer.status} ${await answer.text()}`)
  }
}
