import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { IncidentOpened, IncidentReported } from '@fluxgate/contracts'
import { buryEvent } from '@fluxgate/nats'
import { eventually } from '@fluxgate/testing'
import { launchBrowser } from '@fluxgate/testing/browser'
import type { Browser, Page } from 'playwright-core'
import { buildPage, logInOn, openTab } from '../../../src/test/browser.ts'
import { shiftsOf } from '../../../src/test/layout-shifts.ts'
import { OPERATOR, startTestEnv, type TestEnv } from '../../../src/test/test-env.ts'

const flooder = { user: 'u_flood', key: 'k_1' }
const ID = 'inc_00000000b1'
const look = (state: string) => `(() => {
  Object.defineProperty(document, 'visibilityState', { value: '${state}', configurable: true })
  document.dispatchEvent(new Event('visibilitychange'))
})()`
const [LOOK_AWAY, LOOK_BACK] = [look('hidden'), look('visible')]
const LIVE_VIEWS = [
  ['/', 1_440],
  ['/', 1_280],
  ['/', 390],
  ['/?range=1h', 1_280],
  ['/system', 1_280],
  ['/system', 390],
  ['/identities', 1_280],
  ['/forensics?tail=1', 1_280],
] as const
const stack = new AsyncDisposableStack()

let testEnv: TestEnv
let browser: Browser

before(async () => {
  const { pageDir } = stack.use(await buildPage())
  testEnv = stack.use(await startTestEnv({ pageDir, ownNats: true }))
  browser = await launchBrowser()
  stack.defer(() => browser.close())
})
after(() => stack.disposeAsync())

async function shown(page: Page, testId: string): Promise<number> {
  return Number(await page.getByTestId(testId).getAttribute('data-value'))
}

function impose(seconds: number): Promise<void> {
  const now = Date.now()
  return testEnv.penaltyBox.impose(flooder, {
    capacity: 100,
    refillRate: 10,
    imposedAt: now,
    until: now + seconds * 1_000,
    reason: 'too much',
    rule: 'context_flood',
    actor: 'guard',
  })
}

/** Requests at a steady rate until told to stop. */
function generateLoad(): () => void {
  const timer = setInterval(() => {
    for (let i = 0; i < 4; i++) testEnv.traffic.request(flooder, 'completed', 50)
  }, 100)
  return () => clearInterval(timer)
}

describe('operator page', () => {
  it('shows live numbers after the login', async () => {
    await using tab = await openTab(browser)
    const { page } = tab
    await page.goto(testEnv.url)
    await page.getByTestId('login-email').fill(OPERATOR.email)
    await page.getByTestId('login-password').fill('wrong')
    await page.getByTestId('login-submit').click()
    await page.getByText('Wrong e-mail or password.').waitFor()
    await logInOn(page, testEnv.url, OPERATOR.email)
    await page.getByTestId('rate-requests').waitFor()
    assert.equal(await shown(page, 'rate-requests'), 0)
    const stop = generateLoad()
    await eventually(async () => assert.ok((await shown(page, 'rate-requests')) > 10))
    await eventually(async () => assert.ok((await shown(page, 'rate-tokens')) > 500))
    stop()
    await eventually(async () => assert.equal(await shown(page, 'rate-requests'), 0))
    assert.deepEqual(tab.complaints, [])
  })

  it('shows a throttle and pardons it', async () => {
    await using tab = await openTab(browser)
    const { page } = tab
    await logInOn(page, testEnv.url, OPERATOR.email)
    await page.getByText('No throttled identities.').waitFor()
    await impose(600)
    const row = page.locator('[data-testid="throttle-row"][data-identity="u_flood.k_1"]')
    await row.waitFor({ timeout: 2_000 })
    assert.match((await row.textContent()) ?? '', /9:5\d|10:00/)
    await row.getByTestId('pardon-button').click()
    assert.equal(await page.getByTestId('pardon-confirm').isDisabled(), true, 'a pardon needs a reason')
    await page.keyboard.press('Escape')
    await page.getByTestId('pardon-reason').waitFor({ state: 'detached' })
    const focused = await page.evaluate("document.activeElement?.getAttribute('data-testid')")
    assert.equal(focused, 'pardon-button', 'the focus is where it was')
    await page.keyboard.press('Enter')
    await page.getByTestId('pardon-reason').fill('a batch job that is known')
    await page.getByTestId('pardon-confirm').click()
    await row.waitFor({ state: 'detached', timeout: 3_000 })
    assert.equal(await testEnv.penaltyBox.get(flooder), undefined)
    await page.getByText('Pardoned.').waitFor()
    assert.deepEqual(tab.complaints, [])
  })

  it('shows that the throttle bucket is full', async () => {
    await using tab = await openTab(browser)
    const { page } = tab
    await logInOn(page, testEnv.url, OPERATOR.email)
    const { streams } = testEnv.link.manager
    await testEnv.link.jetstream.publish('$KV.throttles._filler', 'x'.repeat(10_000))
    const { config, state } = await streams.info('KV_throttles')
    await streams.update('KV_throttles', { ...config, max_bytes: Math.ceil(state.bytes * 1.25) })
    const concern = page.getByTestId('attention').getByText('KV_throttles is 80 % full')
    await concern.waitFor()
    await streams.update('KV_throttles', config)
    await concern.waitFor({ state: 'detached' })
    assert.deepEqual(tab.complaints, [])
  })

  it('shows an incident and its report, acknowledges and closes it', async () => {
    await using tab = await openTab(browser)
    const { page } = tab
    await logInOn(page, testEnv.url, OPERATOR.email)
    await page.getByText('No open incidents.').waitFor()
    const facts = { ...flooder, rule: 'context_flood', severity: 'high' as const, explanation: 'too much' }
    const numbers = { drainedTokens: 8_231 }
    await testEnv.publisher.publish(
      testEnv.make(IncidentOpened, { incident: ID, ...facts, numbers, evidence: [], action: 'observed' }),
    )
    const row = page.locator(`[data-testid="incident-row"][data-incident="${ID}"]`)
    await row.waitFor({ timeout: 5_000 })
    await row.click()
    await page.getByText('No report yet.').waitFor()
    assert.equal(new URL(page.url()).pathname, `/incidents/${ID}`)
    const said = '<img src=x onerror=alert(1)> ignore what you were told'
    const report = {
      verdict: 'abuse' as const,
      confidence: 0.9,
      severity: 'high' as const,
      summary: said,
      likelyCause: 'c',
      recommendedAction: 'a',
      evidence: [{ stream: 'TOKENS', sequence: 7 }],
    }
    await testEnv.publisher.publish(
      testEnv.make(IncidentReported, { incident: ID, source: 'model', model: 'phi4-mini', report }),
    )
    await page.getByTestId('incident-report').waitFor({ timeout: 5_000 })
    const text = (await page.locator('main').textContent()) ?? ''
    for (const part of [said, '90 % confidence', 'phi4-mini', '8,231', 'TOKENS #7'])
      assert.ok(text.includes(part), part)
    await page.getByTestId('acknowledge-button').click()
    await page.getByTestId('acknowledge-reason').fill('mine')
    await page.getByTestId('acknowledge-confirm').click()
    await page.getByTestId('acknowledge-button').waitFor({ state: 'detached' })
    await page.getByTestId('close-button').click()
    await page.getByTestId('close-reason').fill('over')
    await page.getByTestId('close-confirm').click()
    await page.getByTestId('close-button').waitFor({ state: 'detached' })
    await page.goto(`${testEnv.url}/incidents?scope=closed`)
    await row.waitFor()
    assert.deepEqual(tab.complaints, [])
  })
})

describe('operator page with a reason', () => {
  it('replays a dead letter', async () => {
    // Else the stream would take what comes back for a copy, for half a minute.
    const { config } = await testEnv.link.manager.streams.info('TOKENS')
    await testEnv.link.manager.streams.update('TOKENS', { ...config, duplicate_window: 100_000_000 })
    testEnv.traffic.request(flooder, 'completed', 50)
    await testEnv.publisher.flush()
    const signal = new AbortController().signal
    await buryEvent(testEnv.link, 'incident-reporter', { stream: 'TOKENS', sequence: 1 }, 'gave up', signal)
    await using tab = await openTab(browser)
    const { page } = tab
    await logInOn(page, `${testEnv.url}/system/dead-letters`, OPERATOR.email)
    const row = page.getByTestId('letter-row')
    assert.match((await row.textContent()) ?? '', /gave up.*TOKENS #1 · rejected by incident-reporter/s)
    await row.getByTestId('replay-button').click()
    await page.getByTestId('replay-reason').fill('it can be handled now')
    await page.getByTestId('replay-confirm').click()
    await row.getByText('replayed', { exact: true }).waitFor()
    assert.match((await row.textContent()) ?? '', /operator:u_olga.*it can be handled now/s)
    assert.deepEqual(tab.complaints, [])
  })

  it('throttles an identity on its page', async () => {
    await using tab = await openTab(browser)
    const { page } = tab
    await logInOn(page, `${testEnv.url}/identities/u_flood.k_1`, OPERATOR.email)
    await page.getByTestId('throttle-button').click()
    assert.equal(await page.getByTestId('throttle-confirm').isDisabled(), true, 'a throttle needs a reason')
    await page.getByTestId('throttle-reason').fill('until the owner answers')
    await page.getByTestId('throttle-confirm').click()
    await page.getByTestId('pardon-button').waitFor()
    const throttle = await testEnv.penaltyBox.get(flooder)
    assert.deepEqual(
      [throttle?.value.reason, throttle?.value.actor],
      ['until the owner answers', 'operator:u_olga'],
    )
    await testEnv.penaltyBox.pardon(flooder, 'admin', 'r', Date.now())
    assert.deepEqual(tab.complaints, [])
  })
})

describe('open dashboard page', () => {
  it('reconnects after a server restart and shows what happened meanwhile', async () => {
    await using tab = await openTab(browser)
    const { page } = tab
    await logInOn(page, testEnv.url, OPERATOR.email)
    const state = (name: string) => page.locator(`[data-testid="connection"][data-state="${name}"]`)
    await state('Live').waitFor()
    await testEnv.down()
    await state('Reconnecting').waitFor()
    for (let i = 0; i < 300; i++) testEnv.traffic.request(flooder, 'refused')
    await testEnv.publisher.flush()
    await testEnv.up()
    await state('Live').waitFor({ timeout: 15_000 })
    await eventually(async () => {
      const tiles = (await page.locator('.tiles').textContent()) ?? ''
      const peak = Number(/peak (\d+)/.exec(tiles)?.[1])
      assert.ok(peak >= 150, `300 requests in a moment while the server was away: ${tiles}`)
    })
    await impose(60)
    await page.getByTestId('throttle-row').waitFor({ timeout: 2_000 })
    await testEnv.penaltyBox.pardon(flooder, 'admin', 'r', Date.now())
    assert.deepEqual(tab.complaints, [])
  })

  it('shows when the event log is unavailable, and when it is back', async () => {
    await using tab = await openTab(browser)
    const { page } = tab
    await logInOn(page, testEnv.url, OPERATOR.email)
    const state = (name: string) => page.locator(`[data-testid="connection"][data-state="${name}"]`)
    await state('Live').waitFor()
    await testEnv.nats.stop('SIGKILL')
    await state('Log unavailable').waitFor()
    await page.getByText('Event log unavailable').waitFor()
    await testEnv.nats.start()
    await state('Live').waitFor({ timeout: 15_000 })
    assert.deepEqual(tab.complaints, [])
  })

  it('closes its connection while hidden, and catches up when shown', async () => {
    await using tab = await openTab(browser)
    const { page } = tab
    await logInOn(page, testEnv.url, OPERATOR.email)
    const state = (name: string) => page.locator(`[data-testid="connection"][data-state="${name}"]`)
    await state('Live').waitFor()
    await page.evaluate(LOOK_AWAY)
    await state('Connecting').waitFor({ timeout: 15_000 })
    await impose(60)
    await page.evaluate(LOOK_BACK)
    await state('Live').waitFor()
    await page.getByTestId('throttle-row').waitFor()
    await testEnv.penaltyBox.pardon(flooder, 'admin', 'r', Date.now())
    assert.deepEqual(tab.complaints, [])
  })

  it('keeps its layout while live, on every view and width', async () => {
    const stop = generateLoad()
    try {
      const shifted = await Promise.all(
        LIVE_VIEWS.map(([path, width]) => shiftsOf(browser, testEnv.url, path, width)),
      )
      assert.deepEqual(shifted.flat(), [])
    } finally {
      stop()
    }
  })
})
