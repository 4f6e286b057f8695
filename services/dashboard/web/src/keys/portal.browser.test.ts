import assert from 'node:assert/strict'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { eventually } from '@fluxgate/testing'
import { launchBrowser } from '@fluxgate/testing/browser'
import type { Browser } from 'playwright-core'
import { buildPage, logInOn, openTab } from '../../../src/test/browser.ts'
import { DEVELOPER, OPERATOR, startTestEnv, type TestEnv } from '../../../src/test/test-env.ts'

const TOO_WIDE = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'
const MAX_SCRIPT_BYTES = 150 * 1024
const stack = new AsyncDisposableStack()

let testEnv: TestEnv
let browser: Browser
let pageDir: string

before(async () => {
  pageDir = stack.use(await buildPage()).pageDir
  testEnv = stack.use(await startTestEnv({ pageDir }))
  browser = await launchBrowser()
  stack.defer(() => browser.close())
})
after(() => stack.disposeAsync())

describe('developer portal', () => {
  it('creates a key that is shown once, copies it, and revokes it', async () => {
    await using tab = await openTab(browser, { permissions: ['clipboard-read', 'clipboard-write'] })
    const { page } = tab
    await logInOn(page, testEnv.url, DEVELOPER.email)
    await page.getByText('No keys yet.').waitFor()
    assert.equal(await page.getByTestId('connection').count(), 0, 'nothing of the operators is here')
    await page.getByTestId('create-key').click()
    await page.getByTestId('key-name').fill('laptop')
    await page.getByTestId('key-confirm').click()
    const key = (await page.getByTestId('new-key').textContent()) ?? ''
    assert.match(key, /^sk_live_/)
    await page.locator('.secret').getByRole('button', { name: 'Copy' }).click()
    assert.equal(await page.evaluate('navigator.clipboard.readText()'), key)
    await page.getByRole('button', { name: 'I have it' }).click()
    const row = page.getByTestId('key-row')
    await row.waitFor()
    assert.ok(!(await page.content()).includes(key), 'it is nowhere on the page any more')
    assert.match(
      (await page.locator('.snippet').textContent()) ?? '',
      /https:\/\/gateway\.example:8443\/v1\//,
    )
    await row.getByRole('button', { name: 'Revoke' }).click()
    await page.getByTestId('revoke-confirm').click()
    await row.getByText('revoked').waitFor()
    assert.deepEqual(tab.complaints, [])
  })

  it('shows no operator view', async () => {
    await using tab = await openTab(browser)
    const { page } = tab
    await logInOn(page, `${testEnv.url}/system`, DEVELOPER.email)
    await page.getByRole('heading', { name: 'Page not found' }).waitFor()
    const links = await page.locator('nav[aria-label="Views"] a').allTextContents()
    assert.deepEqual(links, ['Keys', 'Usage', 'Playground', 'Sessions'])
  })
})

describe('page routes', () => {
  it('keeps the URL through the login, and goes back and forward', async () => {
    await using tab = await openTab(browser)
    const { page } = tab
    await logInOn(page, `${testEnv.url}/identities?minutes=5`, OPERATOR.email)
    await page.getByRole('heading', { name: 'Identities', exact: true }).waitFor()
    assert.equal(await page.locator('.tabs [aria-current]').textContent(), '5 min')
    await page.getByRole('link', { name: 'System' }).click()
    await page.getByRole('heading', { name: 'System', exact: true }).waitFor()
    assert.equal(await page.title(), 'System · Fluxgate')
    await page.goBack()
    await page.getByRole('heading', { name: 'Identities', exact: true }).waitFor()
    assert.equal(new URL(page.url()).search, '?minutes=5')
    await page.reload()
    await page.getByText('No requests in this period.').waitFor()
    assert.deepEqual(tab.complaints, [])
  })

  it('ends the session on logout', async () => {
    await using tab = await openTab(browser)
    const { page } = tab
    await logInOn(page, testEnv.url, OPERATOR.email)
    await page.getByRole('button', { name: 'Log out' }).click()
    await page.getByTestId('login-email').waitFor()
    await page.reload()
    await page.getByTestId('login-email').waitFor()
    // The device stays known; it opens nothing.
    const names = (await page.context().cookies()).map(({ name }) => name)
    assert.deepEqual(names, ['fluxgate-device'])
  })

  it('shows the login page when the session ends elsewhere', async () => {
    await using tab = await openTab(browser)
    const { page } = tab
    await logInOn(page, testEnv.url, OPERATOR.email)
    await page.getByTestId('rate-requests').waitFor()
    await page.evaluate("fetch('/portal/logout', { method: 'POST' })")
    await page.getByTestId('login-email').waitFor({ timeout: 15_000 })
  })

  it('applies the system theme or the chosen one before the first paint', async () => {
    await using tab = await openTab(browser, { colorScheme: 'dark' })
    const { page } = tab
    const background = () => page.evaluate('getComputedStyle(document.documentElement).backgroundColor')
    await logInOn(page, testEnv.url, OPERATOR.email)
    assert.equal(await background(), 'rgb(13, 17, 23)')
    await page.getByRole('button', { name: 'Light' }).click()
    assert.equal(await background(), 'rgb(244, 246, 248)')
    await page.reload({ waitUntil: 'commit' })
    await eventually(async () => assert.equal(await background(), 'rgb(244, 246, 248)'))
    await page.getByRole('button', { name: 'System' }).click()
    assert.equal(await background(), 'rgb(13, 17, 23)')
  })

  it('works by keyboard, with a visible focus', async () => {
    await using tab = await openTab(browser)
    const { page } = tab
    await page.goto(testEnv.url)
    await page.getByTestId('login-email').focus()
    await page.keyboard.type(OPERATOR.email)
    await page.keyboard.press('Tab')
    await page.keyboard.type('correct horse')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Overview', exact: true }).waitFor()
    await page.keyboard.press('Shift+Tab')
    await page.keyboard.press('Tab')
    await page.locator('nav a').first().focus()
    const outline = await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')
    assert.equal(outline, 'solid')
    await page.locator('nav a').nth(1).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Incidents', exact: true }).waitFor()
  })

  for (const width of [360, 768, 1_280, 2_200]) {
    it(`fits a window of ${width} px`, async () => {
      await using tab = await openTab(browser, { viewport: { width, height: 800 } })
      const { page } = tab
      await logInOn(page, testEnv.url, OPERATOR.email)
      for (const path of [
        '/',
        '/incidents',
        '/identities',
        '/system',
        '/policy',
        '/users',
        '/keys',
        '/usage',
        '/playground',
        '/sessions',
      ]) {
        await page.goto(testEnv.url + path)
        await page.locator('h1').waitFor()
        const over = await page.evaluate<number>(TOO_WIDE)
        assert.ok(over <= 0, `${path} is ${over} px too wide`)
      }
    })
  }

  it('loads nothing from other hosts, fonts included', async () => {
    await using tab = await openTab(browser)
    const { page } = tab
    const asked: URL[] = []
    page.on('request', request => asked.push(new URL(request.url())))
    await logInOn(page, `${testEnv.url}/system`, OPERATOR.email)
    await page.getByTestId('stream-row').first().waitFor()
    await page.evaluate('document.fonts.ready.then(() => {})')
    assert.deepEqual([...new Set(asked.map(({ origin }) => origin))], [testEnv.url])
    const fonts = asked.filter(({ pathname }) => pathname.endsWith('.woff2'))
    assert.equal(fonts.length, 2, String(fonts))
    assert.equal(await page.evaluate(`document.fonts.check('14px Inter')`), true)
    assert.deepEqual(tab.complaints, [])
  })

  it('shows local times, and UTC to who points at them', async () => {
    await using tab = await openTab(browser, { timezoneId: 'Asia/Tokyo' })
    const { page } = tab
    await logInOn(page, `${testEnv.url}/users`, OPERATOR.email)
    const time = page.getByTestId('user-row').first().locator('time')
    const at = new Date((await time.getAttribute('datetime')) ?? '')
    const [day, hours] = at.toISOString().slice(0, 19).split('T')
    assert.equal(await time.getAttribute('title'), `${day} ${hours} UTC`)
    const local = at.toLocaleTimeString('en-GB', { timeZone: 'Asia/Tokyo' })
    assert.ok(((await time.textContent()) ?? '').includes(local), local)
  })

  it('keeps the compressed scripts of the first load small', async () => {
    const assets = join(pageDir, 'assets')
    const scripts = (await readdir(assets)).filter(name => name.endsWith('.js.br'))
    const sizes = await Promise.all(scripts.map(async name => (await stat(join(assets, name))).size))
    const bytes = sizes.reduce((sum, size) => sum + size, 0)
    assert.ok(bytes > 10_000 && bytes <= MAX_SCRIPT_BYTES, `${bytes} bytes`)
    const response = await fetch(testEnv.url, { headers: { 'accept-encoding': 'br' } })
    assert.equal(response.headers.get('content-encoding'), 'br')
  })
})
