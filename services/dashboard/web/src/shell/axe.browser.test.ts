import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { eventually } from '@fluxgate/testing'
import { launchBrowser } from '@fluxgate/testing/browser'
import type { Browser } from 'playwright-core'
import { axeFindings, buildPage, logInOn, openTab, type Tab } from '../../../src/test/browser.ts'
import { IDENTITY, INCIDENT, renewNodes, seed } from '../../../src/test/seed.ts'
import { setPolicies } from '../../../src/test/seed-policies.ts'
import { OPERATOR, startTestEnv, type TestEnv } from '../../../src/test/test-env.ts'

const PATHS = [
  '/',
  '/incidents',
  `/incidents/${INCIDENT}`,
  '/identities',
  '/?range=24h',
  '/identities?q=dave',
  `/identities/${IDENTITY}?range=24h`,
  '/system',
  '/system/dead-letters',
  '/users',
  '/users/u_dave',
  '/usage',
  '/sessions',
  '/policy',
  '/policy?as=json',
  '/forensics',
  '/forensics/state',
  '/forensics/what-if',
  '/forensics/verify',
  '/forensics/events/TOKENS/1',
  '/keys',
  '/playground',
  '/nothing',
]
const stack = new AsyncDisposableStack()
let testEnv: TestEnv
let browser: Browser

before(async () => {
  const { pageDir } = stack.use(await buildPage())
  testEnv = stack.use(await startTestEnv({ pageDir }))
  browser = await launchBrowser()
  stack.defer(() => browser.close())
  await seed(testEnv)
  await setPolicies(testEnv)
  stack.defer(renewNodes(testEnv))
})
after(() => stack.disposeAsync())

for (const colorScheme of ['light', 'dark'] as const) {
  describe(`axe (WCAG 2.2 AA and good practice), ${colorScheme}`, () => {
    let tab: Tab
    before(async () => {
      tab = await openTab(browser, { colorScheme })
    })
    after(() => tab[Symbol.asyncDispose]())

    it('finds nothing on the login page', async () => {
      await tab.page.goto(testEnv.url)
      await tab.page.getByTestId('login-email').waitFor()
      assert.deepEqual(await axeFindings(tab.page), [])
      await logInOn(tab.page, testEnv.url, OPERATOR.email)
      await tab.page.locator('.shell h1').waitFor()
    })

    for (const path of PATHS) {
      it(`finds nothing on ${path}`, async () => {
        const { page } = tab
        await page.goto(testEnv.url + path)
        await page.locator('.shell h1').waitFor()
        await eventually(async () => assert.equal(await page.locator('.loading').count(), 0))
        assert.deepEqual(await axeFindings(page), [])
      })
    }

    it('finds nothing on the palette', async () => {
      const { page } = tab
      await page.goto(testEnv.url)
      await page.locator('.shell h1').waitFor()
      await page.keyboard.press('Control+k')
      await page.getByTestId('palette-text').waitFor()
      assert.deepEqual(await axeFindings(page), [])
    })
  })
}
