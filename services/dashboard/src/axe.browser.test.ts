import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { IncidentOpened, IncidentReported } from '@fluxgate/contracts'
import { eventually } from '@fluxgate/testing'
import type { Browser } from 'playwright-core'
import { axeFindings, buildPage, launchBrowser, logInOn, openTab } from './test/browser.ts'
import { OPERATOR, type Stand, startStand } from './test/stand.ts'

const INCIDENT = 'inc_00000000c1'
const flooder = { user: 'u_flood', key: 'k_1' }
const PATHS = [
  '/',
  '/incidents',
  `/incidents/${INCIDENT}`,
  '/identities',
  '/nodes',
  '/policy',
  '/keys',
  '/playground',
  '/nothing',
]
const stack = new AsyncDisposableStack()
let stand: Stand
let browser: Browser

before(async () => {
  const { pageDir } = stack.use(await buildPage())
  stand = stack.use(await startStand({ pageDir }))
  browser = await launchBrowser()
  stack.defer(() => browser.close())
  await stand.publisher.publish(
    stand.make(IncidentOpened, {
      ...{ ...flooder, incident: INCIDENT, rule: 'contextFlood', severity: 'high', action: 'throttled' },
      ...{ explanation: 'Burnt 600 tokens.', numbers: { burntTokens: 600 }, evidence: [] },
    }),
  )
  await stand.publisher.publish(
    stand.make(IncidentReported, {
      ...{ incident: INCIDENT, source: 'facts' },
      report: {
        ...{ verdict: 'undetermined', confidence: 0, severity: 'high', summary: 'Many tokens.' },
        ...{
          likelyCause: 'A loop.',
          recommendedAction: 'Look.',
          evidence: [{ stream: 'TOKENS', sequence: 1 }],
        },
      },
    }),
  )
  for (let i = 0; i < 20; i++) stand.traffic.request(flooder, 'completed', 50)
})
after(() => stack.disposeAsync())

for (const colorScheme of ['light', 'dark'] as const) {
  describe(`axe (WCAG 2.2 AA and good practice), ${colorScheme}`, () => {
    it('finds nothing on the login page', async () => {
      await using tab = await openTab(browser, { colorScheme })
      await tab.page.goto(stand.url)
      await tab.page.getByTestId('login-email').waitFor()
      assert.deepEqual(await axeFindings(tab.page), [])
    })

    for (const path of PATHS) {
      it(`finds nothing on ${path}`, async () => {
        await using tab = await openTab(browser, { colorScheme })
        const { page } = tab
        await logInOn(page, stand.url + path, OPERATOR.email)
        await page.locator('.shell h1').waitFor()
        await eventually(async () => assert.equal(await page.locator('.loading').count(), 0))
        assert.deepEqual(await axeFindings(page), [])
      })
    }

    it('finds nothing on the palette', async () => {
      await using tab = await openTab(browser, { colorScheme })
      const { page } = tab
      await logInOn(page, stand.url, OPERATOR.email)
      await page.locator('.shell h1').waitFor()
      await page.keyboard.press('Control+k')
      await page.getByTestId('palette-text').waitFor()
      assert.deepEqual(await axeFindings(page), [])
    })
  })
}
