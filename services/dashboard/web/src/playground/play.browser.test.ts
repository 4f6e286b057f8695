import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { eventually } from '@fluxgate/testing'
import { launchBrowser } from '@fluxgate/testing/browser'
import type { Browser } from 'playwright-core'
import { buildPage, logInOn, openTab } from '../../../src/test/browser.ts'
import {
  DEVELOPER,
  logIn,
  OPERATOR,
  PASSWORD,
  startTestEnv,
  type TestEnv,
} from '../../../src/test/test-env.ts'

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

describe('playground', () => {
  it('streams a response, and shows its tokens and times', async () => {
    await using tab = await openTab(browser)
    const { page } = tab
    await logInOn(page, `${testEnv.url}/playground`, DEVELOPER.email)
    await page.getByTestId('play-model').selectOption('sim-large')
    await page.getByTestId('play-text').fill('Hello')
    await page.keyboard.press('Enter')
    await page.getByText('piece 0 piece 1 piece 2').waitFor()
    const figures = page.getByTestId('play-figures')
    await figures.waitFor()
    assert.match(
      (await figures.textContent()) ?? '',
      /first token after .*12 \+ 3 tokens.*4711 tokens left.*req_stand_in/,
    )
    await page.getByTestId('play-text').fill('More')
    await page.getByTestId('play-send').click()
    await eventually(async () => assert.equal(await figures.count(), 2))
    const { model, messages } = testEnv.gateway.model.asked.at(-1) as { model: string; messages: unknown[] }
    assert.equal(model, 'sim-large')
    assert.deepEqual(messages, [
      { role: 'user', content: 'Hello' },
      { role: 'assistant', content: 'piece 0 piece 1 piece 2 ' },
      { role: 'user', content: 'More' },
    ])
    assert.deepEqual(tab.complaints, [])
  })

  it('stops a response, also at the gateway', async () => {
    const { model } = testEnv.gateway
    model.pieces = 10_000
    await using tab = await openTab(browser)
    const { page } = tab
    await logInOn(page, `${testEnv.url}/playground`, DEVELOPER.email)
    await page.getByTestId('play-text').fill('Go on')
    await page.getByTestId('play-send').click()
    await page.getByText('piece 3').waitFor()
    await page.getByTestId('play-stop').click()
    await page.getByText('stopped').waitFor()
    await eventually(() => assert.equal(model.left, 1))
    model.pieces = 3
  })

  it("forwards calls with the visitor's session and no other header", async () => {
    const cookie = await logIn(testEnv, DEVELOPER.email)
    const ask = (path: string, headers: Record<string, string>, method = 'POST') =>
      fetch(`${testEnv.url}${path}`, {
        method,
        headers: { 'content-type': 'application/json', ...headers },
        ...(method === 'POST' ? { body: '{}' } : {}),
      })
    const own = { origin: testEnv.url, 'sec-fetch-site': 'same-origin' }
    assert.equal((await ask('/play/chat', own)).status, 401)
    assert.equal((await ask('/play/chat', { cookie, origin: 'https://evil.example' })).status, 403)
    assert.equal((await ask('/play/embeddings', { ...own, cookie })).status, 404)
    const answer = await ask('/play/chat', {
      ...own,
      cookie,
      'x-api-key': 'mine',
      authorization: 'Bearer mine',
    })
    assert.equal(answer.headers.get('x-ratelimit-remaining-tokens'), '4711')
    assert.equal(answer.headers.get('x-secret'), null)
    await answer.text()
    const { headers } = testEnv.gateway.seen.at(-1)!
    assert.equal(headers.authorization, `Bearer ${cookie.slice(cookie.indexOf('=') + 1)}`)
    assert.equal(headers.cookie, undefined)
    assert.equal(headers['x-api-key'], undefined)
  })
})

describe('new visitor', () => {
  it('registers and is logged in', async () => {
    await using tab = await openTab(browser)
    const { page } = tab
    await page.goto(testEnv.url)
    await page.getByTestId('login-other').click()
    await page.getByTestId('login-email').fill('new@example.com')
    await page.getByTestId('login-password').fill(PASSWORD)
    await page.getByTestId('login-submit').click()
    await page.getByText('No keys yet.').or(page.getByTestId('key-row').first()).waitFor()
  })
})

describe('palette', () => {
  it('opens views and identifiers by keyboard', async () => {
    await using tab = await openTab(browser)
    const { page } = tab
    await logInOn(page, testEnv.url, OPERATOR.email)
    await page.getByRole('heading', { name: 'Overview', exact: true }).waitFor()
    const find = async (text: string) => {
      await page.keyboard.press('Control+k')
      await page.getByTestId('palette-text').waitFor()
      await page.keyboard.type(text)
      await page.keyboard.press('Enter')
    }
    await find('sys')
    await page.getByRole('heading', { name: 'System', exact: true }).waitFor()
    await find('inc_00000000aa')
    await eventually(() => assert.equal(new URL(page.url()).pathname, '/incidents/inc_00000000aa'))
    await page.keyboard.press('Control+k')
    await page.getByTestId('palette-text').waitFor()
    await page.keyboard.press('Escape')
    await eventually(async () => assert.equal(await page.getByTestId('palette-text').count(), 0))
  })
})
