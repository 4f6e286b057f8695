import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { launchBrowser } from '@fluxgate/testing/browser'
import type { Browser } from 'playwright-core'
import type { PolicyPage } from '../../../src/policy/answers.ts'
import { ApiClient } from '../../../src/test/api-client.ts'
import { buildPage, logInOn, openTab } from '../../../src/test/browser.ts'
import { DEVELOPER, logIn, OPERATOR, startTestEnv, type TestEnv } from '../../../src/test/test-env.ts'

const POLICY = {
  rules: { contextFlood: { enabled: true, windowMs: 2_000, thresholdTokens: 300 } },
  penalty: { capacity: 100, refillRate: 10, durationMs: 60_000 },
  graceMs: 300_000,
}
const stack = new AsyncDisposableStack()
let testEnv: TestEnv
let browser: Browser

before(async () => {
  const { pageDir } = stack.use(await buildPage())
  testEnv = stack.use(await startTestEnv({ pageDir }))
  browser = await launchBrowser()
  stack.defer(() => browser.close())
})
after(() => stack.disposeAsync())

it('policy page saves a valid policy, refuses an invalid one with the reason, and lists the changes', async () => {
  await using tab = await openTab(browser)
  const { page } = tab
  await logInOn(page, `${testEnv.url}/policy`, OPERATOR.email)
  await page.getByRole('link', { name: 'JSON' }).click()
  const text = page.getByTestId('policy-guard')
  await text.fill(JSON.stringify(POLICY))
  await page.getByTestId('save-guard').click()
  await page.getByText('Guard by operator:u_olga').waitFor()
  await text.fill(JSON.stringify({ ...POLICY, graceMs: 'long' }))
  await page.getByTestId('save-guard').click()
  await page.getByText('The policy is refused, and the one before stays in force').waitFor()
  await text.fill('{')
  await page.getByTestId('save-guard').click()
  await page.getByText('Invalid JSON').waitFor()
  await text.fill(JSON.stringify({ ...POLICY, graceMs: 1_000 }))
  await page.getByTestId('save-guard').click()
  await page.getByText('/graceMs').waitFor()
  await page.getByTestId('remove-guard').click()
  await page.getByTestId('remove-confirm').click()
  await page.getByText('Not set').waitFor()
  assert.deepEqual(tab.complaints, [])
})

it('policy page edits single thresholds in seconds, starting from the defaults', async () => {
  await using tab = await openTab(browser)
  const { page } = tab
  await logInOn(page, `${testEnv.url}/policy`, OPERATOR.email)
  await page.getByTestId('begin-guard').click()
  const window = page.getByTestId('guard-contextFlood-windowMs')
  assert.equal(await window.inputValue(), '20')
  await window.fill('3')
  await window.press('Tab')
  await page.getByTestId('save-guard').click()
  await page.getByTestId('remove-guard').waitFor()
  await page.getByTestId('guard-penalty-capacity').fill('50')
  await page.getByTestId('guard-penalty-capacity').press('Tab')
  await page.getByTestId('save-guard').click()
  await page.getByText('/penalty/capacity').waitFor()
  await page.getByText('Set, as a whole').first().waitFor()
  const olga = new ApiClient(testEnv, await logIn(testEnv, OPERATOR.email))
  const { policies } = await olga.read<PolicyPage>('/api/policies')
  const [guard] = policies
  assert.equal(guard?.policy?.rules.contextFlood.windowMs, 3_000)
  assert.equal(guard?.policy?.penalty.capacity, 50)
  await page.getByTestId('guard-penalty-capacity').fill('-1')
  await page.getByTestId('guard-penalty-capacity').press('Tab')
  await page.locator('[data-testid="guard-penalty-capacity"]:invalid').waitFor()
  await page.getByTestId('remove-guard').click()
  await page.getByTestId('remove-confirm').click()
  await page.getByTestId('begin-guard').waitFor()
  assert.deepEqual(tab.complaints, [])
})

it('refuses developers', async () => {
  const dave = new ApiClient(testEnv, await logIn(testEnv, DEVELOPER.email))
  assert.equal((await dave.get('/api/policies')).status, 403)
  const refused = await fetch(`${testEnv.url}/api/policies/guard`, {
    method: 'PUT',
    headers: {
      'content-type': 'application/json',
      cookie: dave.cookie,
      origin: testEnv.url,
      'sec-fetch-site': 'same-origin',
    },
    body: JSON.stringify({ policy: POLICY }),
  })
  assert.equal(refused.status, 403)
  const olga = new ApiClient(testEnv, await logIn(testEnv, OPERATOR.email))
  const { policies } = await olga.read<PolicyPage>('/api/policies')
  assert.deepEqual(
    policies.map(({ key, policy }) => [key, policy]),
    [
      ['guard', null],
      ['guard-shadow', null],
    ],
  )
})
