import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { launchBrowser } from '@fluxgate/testing/browser'
import type { Browser } from 'playwright-core'
import { buildPage, logInOn, openTab } from '../../../src/test/browser.ts'
import { fanOut, generateLoad, startAlone, watchPage } from '../../../src/test/load.ts'
import { logIn, OPERATOR, startTestEnv, type TestEnv } from '../../../src/test/test-env.ts'

/** The short form of `npm run fluxgate -- bench:dashboard`: that it holds at all; how well is measured there. */
const MB = 1_000_000
const stack = new AsyncDisposableStack()
let testEnv: TestEnv
let browser: Browser

before(async () => {
  const { pageDir } = stack.use(await buildPage())
  testEnv = stack.use(await startTestEnv({ pageDir }))
  stack.defer(generateLoad(testEnv, 200))
  browser = await launchBrowser()
  stack.defer(() => browser.close())
})
after(() => stack.disposeAsync())

it('does not grow in memory at 200 events a second', async () => {
  await using tab = await openTab(browser)
  await logInOn(tab.page, testEnv.url, OPERATOR.email)
  await tab.page.getByTestId('rate-requests').waitFor()
  const { heap } = await watchPage(tab.page, 20_000, 2_000)
  const [first, last] = [heap[1]!, heap.at(-1)!]
  // Events that were kept would be 4,000 of some hundred bytes each; seconds of the charts are 20.
  assert.ok(last - first < 1.5 * MB, `from ${first} to ${last} bytes in 18 s`)
  assert.deepEqual(tab.complaints, [])
})

it('two hundred open pages each get every second and their answers', async () => {
  await using alone = await startAlone(testEnv)
  const cookie = await logIn(testEnv, OPERATOR.email)
  const figures = await fanOut({ url: testEnv.url, cookie, pid: alone.pid }, 200, 6_000)
  assert.equal(figures.complete, 200)
  assert.ok(figures.ticks >= 3, `${figures.ticks} ticks`)
  assert.equal(figures.failedPolls, 0)
})
