import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { eventually } from '@fluxgate/testing'
import { launchBrowser } from '@fluxgate/testing/browser'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { Agent, fetch } from 'undici'
import { type System, startSystem } from './system.ts'

/** What people do on the page, in a real browser, over the whole system. */
const MODEL = 'phi4-mini'
const PASSWORD = 'a long sentence that nobody guesses'
const REFUSED = /the server responded with a status of 4\d\d|ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED/
const LONG_MS = 30_000

let system: System
let trusted: Agent
let browser: Browser

before(async () => {
  system = await startSystem()
  const ca = await readFile(system.connection.tlsCertPath, 'utf8')
  trusted = new Agent({ allowH2: false, connect: { ca } })
  browser = await launchBrowser()
})

after(async () => {
  await browser?.close()
  await trusted?.close()
  await system?.[Symbol.asyncDispose]()
})

interface Visit extends AsyncDisposable {
  readonly context: BrowserContext
  readonly page: Page
  /** Errors, refused scripts and styles, broken promises. */
  readonly complaints: string[]
}

async function visit(): Promise<Visit> {
  const context = await browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'] })
  const page = await context.newPage()
  page.setDefaultTimeout(LONG_MS)
  const complaints: string[] = []
  page.on('pageerror', error => complaints.push(String(error)))
  page.on('console', message => {
    if (message.type() === 'error' && !REFUSED.test(message.text())) complaints.push(message.text())
  })
  return { context, page, complaints, [Symbol.asyncDispose]: () => context.close() }
}

async function logIn(page: Page, email: string, password: string, path = '/'): Promise<void> {
  await page.goto(system.connection.dashboardUrl + path)
  await page.getByTestId('login-email').fill(email)
  await page.getByTestId('login-password').fill(password)
  await page.getByTestId('login-submit').click()
  await page.locator('.shell h1').waitFor()
}

function asOperator(page: Page, path?: string): Promise<void> {
  return logIn(page, system.connection.operatorEmail, system.connection.operatorPassword, path)
}

async function register(page: Page, email: string): Promise<void> {
  await page.goto(system.connection.dashboardUrl)
  await page.getByTestId('login-other').click()
  await page.getByTestId('login-email').fill(email)
  await page.getByTestId('login-password').fill(PASSWORD)
  await page.getByTestId('login-submit').click()
  await page.getByText('No keys yet.').waitFor()
}

/** Makes a key on the page of the keys; returns it. */
async function makeKey(page: Page, name: string): Promise<string> {
  await page.getByTestId('create-key').click()
  await page.getByTestId('key-name').fill(name)
  await page.getByTestId('key-confirm').click()
  const key = (await page.getByTestId('new-key').textContent()) ?? ''
  await page.getByRole('button', { name: 'I have it' }).click()
  await page.getByTestId('key-row').first().waitFor()
  return key
}

async function call(key: string, words = 'Say hello.'): Promise<{ status: number; text: string }> {
  const response = await fetch(`${system.connection.publicUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: MODEL, max_tokens: 20, messages: [{ role: 'user', content: words }] }),
    dispatcher: trusted,
  })
  return { status: response.status, text: await response.text() }
}

/** Calls until the guard has throttled the key. */
async function flood(key: string): Promise<void> {
  for (let i = 0; i < 200; i++) {
    const { status, text } = await call(key, 'flood '.repeat(150))
    if (status === 429 && /throttled/i.test(text)) return
  }
  throw new Error('200 calls and no throttle')
}

async function shown(page: Page, testId: string): Promise<number> {
  return Number(await page.getByTestId(testId).first().getAttribute('data-value'))
}

describe('a developer', () => {
  it('registers, makes a key, tries a model, and sees what it cost', async () => {
    await using tab = await visit()
    const { page } = tab
    await register(page, 'ada@example.com')
    const key = await makeKey(page, 'laptop')
    assert.equal((await call(key)).status, 200)
    const snippet = (await page.getByTestId('snippet').textContent()) ?? ''
    assert.ok(snippet.includes(`${system.connection.publicUrl}/v1/chat/completions`), snippet)
    for (const language of ['Python, OpenAI', 'Node, OpenAI']) {
      await page.getByRole('button', { name: language }).click()
      const text = (await page.getByTestId('snippet').textContent()) ?? ''
      assert.ok(text.includes(`${system.connection.publicUrl}/v1`), text)
    }
    await page.getByRole('link', { name: 'Playground' }).click()
    await page.getByTestId('play-model').selectOption(MODEL)
    await page.getByTestId('play-text').fill('Say hello.')
    await page.getByTestId('play-send').click()
    const figures = page.getByTestId('play-figures')
    await figures.waitFor()
    const reported = (await figures.textContent()) ?? ''
    assert.match(reported, /first token after/)
    assert.match(reported, /\d+ \+ \d+ tokens/)
    await page.getByRole('link', { name: 'Usage' }).click()
    await page.getByRole('heading', { name: 'My usage' }).waitFor()
    await eventually(
      async () => {
        assert.equal(await shown(page, 'used-requests'), 3, 'a call, a list of models, a chat')
        assert.ok((await shown(page, 'used-tokens')) > 0)
      },
      { timeoutMs: LONG_MS },
    )
    assert.equal(await page.getByTestId('limit-row').count(), 2)
    assert.match((await page.getByTestId('tokens-left').first().textContent()) ?? '', /^[\d,]+$/)
    assert.deepEqual(tab.complaints, [])
  })

  it('revokes a key, and the next call with it is refused', async () => {
    await using tab = await visit()
    const { page } = tab
    await register(page, 'bob@example.com')
    const key = await makeKey(page, 'leaked')
    assert.equal((await call(key)).status, 200)
    await page.getByTestId('key-row').getByRole('button', { name: 'Revoke' }).click()
    await page.getByTestId('revoke-confirm').click()
    await page.getByTestId('key-row').getByText('revoked').waitFor()
    const refused = await call(key)
    assert.equal(refused.status, 401, refused.text)
    assert.deepEqual(tab.complaints, [])
  })

  it('logs out everywhere, and every page of theirs is at the login', async () => {
    await using first = await visit()
    await register(first.page, 'eve@example.com')
    await using second = await visit()
    await logIn(second.page, 'eve@example.com', PASSWORD, '/sessions')
    await eventually(async () => assert.equal(await second.page.getByTestId('session-row').count(), 2))
    await second.page.getByTestId('logout-everywhere').click()
    await second.page.getByTestId('logout-everywhere-confirm').click()
    await second.page.getByTestId('login-email').waitFor()
    await first.page.getByRole('link', { name: 'Usage' }).click()
    await first.page.getByTestId('login-email').waitFor()
    assert.deepEqual([...first.complaints, ...second.complaints], [])
  })
})

describe('an operator', () => {
  it('sees a flood become an incident, reads its report, and pardons', async () => {
    await using developer = await visit()
    await register(developer.page, 'flo@example.com')
    const key = await makeKey(developer.page, 'loop')
    await using tab = await visit()
    const { page } = tab
    await asOperator(page)
    await flood(key)
    const row = page.getByTestId('throttle-row').filter({ hasText: 'flo@example.com' })
    await row.waitFor()
    await page.getByText(/throttled, next ends in/).waitFor()
    await page.getByTestId('incident-row').filter({ hasText: 'flo@example.com' }).first().click()
    await page.getByTestId('incident-report').waitFor()
    assert.match((await page.locator('.evidence').textContent()) ?? '', /TOKENS/)
    await page.getByTestId('pardon-button').click()
    await page.getByTestId('pardon-reason').fill('a loop that has been mended')
    await page.getByTestId('pardon-confirm').click()
    await page.getByTestId('pardon-button').waitFor({ state: 'detached' })
    await eventually(async () => assert.equal((await call(key)).status, 200), { timeoutMs: LONG_MS })
    assert.deepEqual(tab.complaints, [])
  })

  it('finds an identity, links to its day, and changes its tier with a reason', async () => {
    await using tab = await visit()
    const { page } = tab
    await asOperator(page, '/identities?q=ada%40example.com')
    await page.getByTestId('found-row').getByRole('link').first().click()
    await page.getByRole('heading', { name: 'ada@example.com' }).waitFor()
    await page.getByRole('link', { name: '24 h' }).click()
    const address = page.url()
    assert.equal(new URL(address).searchParams.get('range'), '24h')
    await page.reload()
    await page.locator('.tabs [aria-current]', { hasText: '24 h' }).waitFor()
    await page.getByTestId('tier-button').click()
    await page.getByTestId('tier-choice').selectOption('pro')
    await page.getByTestId('tier-reason').fill('pays now')
    await page.getByTestId('tier-confirm').click()
    await page.getByText('pro tier').first().waitFor()
    const fact = page.locator('[data-testid="timeline-row"][data-fact="operator_ordered"]')
    await eventually(
      async () => {
        await page.reload()
        await page.getByRole('heading', { name: 'ada@example.com' }).waitFor()
        await page.getByTestId('timeline-row').first().waitFor()
        assert.match((await fact.first().textContent()) ?? '', /set tier pro.*pays now/s)
      },
      { timeoutMs: LONG_MS },
    )
    assert.deepEqual(tab.complaints, [])
  })

  it('makes a user with a key that ends, disables the user, and the key is refused', async () => {
    await using tab = await visit()
    const { page } = tab
    await asOperator(page, '/users')
    await page.getByTestId('create-user').click()
    await page.getByTestId('user-id').fill('team-search')
    await page.getByTestId('user-reason').fill('a new team')
    await page.getByTestId('user-confirm').click()
    await page.getByRole('link', { name: 'team-search' }).click()
    await page.getByTestId('create-user-key').click()
    await page.getByTestId('user-key-name').fill('ci')
    await page.getByTestId('key-expiry').selectOption('30')
    await page.getByTestId('user-key-reason').fill('for the pipeline')
    await page.getByTestId('user-key-confirm').click()
    const key = (await page.getByTestId('new-key').textContent()) ?? ''
    await page.getByRole('button', { name: 'I have it' }).click()
    assert.equal((await call(key)).status, 200)
    await page.getByTestId('disable-button').click()
    await page.getByTestId('disable-reason').fill('the team is gone')
    await page.getByTestId('disable-confirm').click()
    await page.getByText('disabled', { exact: true }).waitFor()
    await eventually(async () => assert.equal((await call(key)).status, 401))
    assert.deepEqual(tab.complaints, [])
  })

  it('sees the upstreams, the streams and that the read models keep up', async () => {
    await using tab = await visit()
    const { page } = tab
    await asOperator(page, '/system')
    await page.getByTestId('upstream-row').first().waitFor()
    assert.match((await page.getByTestId('upstream-row').first().textContent()) ?? '', /closed/)
    await page.locator('[data-testid="stream-row"][data-stream="TOKENS"]').waitFor()
    await page.getByTestId('lag-row').first().waitFor()
    await page.getByTestId('node-row').first().waitFor()
    assert.deepEqual(tab.complaints, [])
  })
})
