import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { IncidentOpened, IncidentReported } from '@fluxgate/contracts'
import { eventually } from '@fluxgate/testing'
import { launchBrowser } from '@fluxgate/testing/browser'
import type { Browser, Locator, Page } from 'playwright-core'
import { axeFindings, buildPage, logInOn, openTab } from '../../../src/test/browser.ts'
import { SLOW, slowRequest } from '../../../src/test/slow-request.ts'
import { OPERATOR, startTestEnv, type TestEnv } from '../../../src/test/test-env.ts'

const INCIDENT = 'inc_00000000f1'
const anna = { user: 'u_anna', key: 'k_1' }
const ben = { user: 'u_ben', key: 'k_2' }
/** Far more than a page holds; `FLUXGATE_MANY_EVENTS=100000` shows how long a large log takes. */
const MANY = Number(process.env.FLUXGATE_MANY_EVENTS ?? 20_000)
const MAX_NODES = 900
const TOO_WIDE = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'
const PATHS = ['/forensics', '/forensics/state', '/forensics/what-if', '/forensics/verify']
const stack = new AsyncDisposableStack()
let testEnv: TestEnv
let browser: Browser

before(async () => {
  const { pageDir } = stack.use(await buildPage())
  testEnv = stack.use(await startTestEnv({ pageDir }))
  browser = await launchBrowser()
  stack.defer(() => browser.close())
  for (let i = 0; i < 40; i++)
    testEnv.traffic.request(i % 2 === 0 ? anna : ben, i % 8 === 0 ? 'failed' : 'completed', 100 + i)
  testEnv.traffic.request(anna, 'refused')
  await testEnv.publisher.publish(
    testEnv.make(IncidentOpened, {
      ...anna,
      incident: INCIDENT,
      rule: 'contextFlood',
      severity: 'high',
      action: 'throttled',
      explanation: 'Used 600 tokens.',
      numbers: { consumedTokens: 600 },
      evidence: [],
      until: Date.now() + 60_000,
    }),
  )
  await testEnv.publisher.publish(
    testEnv.make(IncidentReported, {
      incident: INCIDENT,
      source: 'facts',
      report: {
        verdict: 'abuse',
        confidence: 0.8,
        severity: 'high',
        summary: 'Many tokens.',
        likelyCause: 'A loop.',
        recommendedAction: 'Look.',
        evidence: [{ stream: 'TOKENS', sequence: 3 }],
      },
    }),
  )
})
after(() => stack.disposeAsync())

async function open(path: string): Promise<{ page: Page; complaints: string[] } & AsyncDisposable> {
  const tab = await openTab(browser, { viewport: { width: 1_366, height: 860 } })
  await logInOn(tab.page, testEnv.url + path, OPERATOR.email)
  return tab
}

async function attributes(locator: Locator, name: string): Promise<Array<string | null>> {
  return Promise.all((await locator.all()).map(each => each.getAttribute(name)))
}

const rowsOf = (page: Page) => page.getByTestId('event-row').allInnerTexts()

describe('event explorer', () => {
  it('restores its search from the URL, opens an event, its request, and goes back', async () => {
    await using tab = await open('/forensics')
    const { page } = tab
    await page.getByTestId('event-row').first().waitFor()
    await page.getByTestId('filter-fact').selectOption('settled')
    await page.getByTestId('filter-identity').fill('u_ben')
    await page.getByTestId('filter-identity').press('Enter')
    await page.getByText('20 events', { exact: true }).waitFor()
    const before = await rowsOf(page)
    assert.ok(before.every(text => text.includes('tokens.settled') && text.includes('u_ben.k_2')))
    assert.equal(new URL(page.url()).search, '?fact=settled&identity=u_ben')
    await page.reload()
    await page.getByText('20 events', { exact: true }).waitFor()
    assert.deepEqual(await rowsOf(page), before)

    await page.getByTestId('event-row').first().focus()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Enter')
    const detail = page.getByTestId('event-detail')
    await detail.getByTestId('event-json').waitFor()
    assert.match((await detail.getByTestId('event-json').textContent()) ?? '', /"fluxgate.tokens.settled"/)
    assert.match(page.url(), /\/forensics\/events\/TOKENS\/\d+\?fact=settled&identity=u_ben$/)
    await detail.getByTestId('event-request').click()
    await page.getByTestId('waterfall').waitFor()
    assert.deepEqual(await attributes(page.getByTestId('trace-bar'), 'data-name'), [
      'Admission',
      'Upstream',
      'Answer',
      'Settlement',
      'Log',
    ])
    assert.equal(await page.getByTestId('trace-step').count(), 3)
    await page.goBack()
    await detail.getByTestId('event-json').waitFor()
    await page.getByRole('button', { name: 'Close the event' }).click()
    assert.match(page.url(), /\/forensics\?fact=settled&identity=u_ben$/)
    assert.deepEqual(tab.complaints, [])
  })

  it("shows a request's waterfall, to scale", async () => {
    await slowRequest(testEnv, anna)
    await using tab = await open(`/forensics/requests/${SLOW}`)
    const { page } = tab
    await page.getByTestId('waterfall').waitFor()
    const took = await page.locator('.waterfall-took').allInnerTexts()
    assert.deepEqual(took.slice(0, 4), ['30 ms', '450 ms', '1.55 s', '4 ms'])
    const widths = await Promise.all(
      (await page.locator('.waterfall-bar').all()).map(async bar => (await bar.boundingBox())!.width),
    )
    const share = widths[2]! / widths[1]!
    assert.ok(
      share > 3 && share < 4,
      `the answer took 3.4 times as long as the upstream's first byte: ${share}`,
    )
    assert.equal(await page.getByTestId('trace-step').count(), 4)
    assert.deepEqual(tab.complaints, [])
  })

  it('opens the event that an incident cites', async () => {
    await using tab = await open(`/incidents/${INCIDENT}`)
    const { page } = tab
    await page.getByRole('link', { name: 'TOKENS #3' }).click()
    await page.getByRole('heading', { name: 'TOKENS:3' }).waitFor()
    await page.getByTestId('event-json').waitFor()
    assert.equal(new URL(page.url()).pathname, '/forensics/events/TOKENS/3')
  })

  it('follows the log', async () => {
    await using tab = await open('/forensics?fact=refused&tail=1')
    const { page } = tab
    await page.getByText('Following live').waitFor()
    const before = (await rowsOf(page)).length
    testEnv.traffic.request(ben, 'refused')
    await eventually(async () => assert.equal((await rowsOf(page)).length, before + 1))
    assert.match((await rowsOf(page))[0] ?? '', /u_ben\.k_2/)
    await page.getByTestId('tail').uncheck()
    await page.getByText('Follow live').waitFor()
    assert.ok(!page.url().includes('tail'))
  })
})

describe('forensics routes', () => {
  it('state page moves its slider by keyboard, and has an exact time in the URL', async () => {
    await using tab = await open('/forensics/state?range=15m')
    const { page } = tab
    const state = page.getByTestId('state')
    await state.waitFor()
    assert.match(await state.getByTestId('equation').innerText(), /4[0-9]\s*admitted/)
    const slider = page.getByTestId('moment-slider')
    await slider.focus()
    await page.keyboard.press('Home')
    await eventually(async () =>
      assert.match(await state.getByTestId('equation').innerText(), /^0\s*admitted/),
    )
    assert.match(page.url(), /at=/)
    await page.keyboard.press('End')
    await eventually(async () =>
      assert.match(await state.getByTestId('equation').innerText(), /^4[0-9]\s*admitted/),
    )
    await page.getByTestId('moment').fill('2026-01-01T00:00:01')
    await page.getByTestId('moment').press('Tab')
    const exact = String(Date.parse('2025-12-31T23:00:01Z'))
    await eventually(async () => assert.equal(await state.getAttribute('data-at'), exact))
    assert.deepEqual(tab.complaints, [])
  })

  it('what-if page has changed thresholds in the URL, and draws the difference', async () => {
    await using tab = await open(
      '/forensics/what-if?set=contextFlood.burstSeconds:0,contextFlood.windowMs:2000',
    )
    const { page } = tab
    await page.getByTestId('rule-contextFlood-thresholdTokens').fill('200')
    await page.getByTestId('rule-contextFlood-thresholdTokens').press('Tab')
    assert.match(page.url(), /contextFlood\.thresholdTokens:200$/)
    await page.reload()
    assert.equal(await page.getByTestId('rule-contextFlood-thresholdTokens').inputValue(), '200')
    await page.getByTestId('whatif-run').click()
    await page.getByTestId('whatif-chart').waitFor()
    const kinds = await attributes(page.getByTestId('whatif-row'), 'data-difference')
    assert.ok(kinds.includes('new'), String(kinds))
    assert.ok((await page.locator('.lane-mark.would').count()) >= 1)
    assert.deepEqual(tab.complaints, [])
  })

  it('verify page shows the equation, and each violation with its links', async () => {
    await using tab = await open('/forensics/verify?range=15m')
    const { page } = tab
    const verdict = page.getByTestId('verdict')
    await verdict.waitFor()
    assert.equal(await verdict.getAttribute('data-holds'), 'true')
    const double = testEnv.traffic.begin(anna, 'admitted')
    testEnv.traffic.end(anna, double, 'completed', 50)
    testEnv.traffic.end(anna, double, 'completed', 50)
    await eventually(async () => {
      await page.getByTestId('verify-run').click()
      assert.equal(await verdict.getAttribute('data-holds'), 'false')
    })
    const offender = page.getByTestId('offender').filter({ hasText: 'Settled twice' })
    await offender
      .getByRole('link', { name: /^TOKENS:/ })
      .first()
      .click()
    await page.getByTestId('event-json').waitFor()
  })
})

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [390, 1_366]) {
    it(`every view is without a finding of axe and fits ${width} px, ${colorScheme}`, async () => {
      await using tab = await openTab(browser, { colorScheme, viewport: { width, height: 860 } })
      const { page } = tab
      await logInOn(page, `${testEnv.url}/forensics`, OPERATOR.email)
      await page.getByTestId('event-row').first().waitFor()
      const more = ['/forensics/events/TOKENS/3', `/forensics/requests/${SLOW}`]
      for (const path of [...PATHS, ...more]) {
        await page.goto(testEnv.url + path)
        await page.locator('.shell h1').waitFor()
        if (path.endsWith('what-if')) await page.getByTestId('whatif-run').click()
        await eventually(async () => {
          assert.equal(await page.locator('.loading').count(), 0)
          assert.equal(await page.locator('[data-running="true"]').count(), 0)
        })
        const shots = process.env.FLUXGATE_SHOTS
        const name = `${path.split('/').slice(2, 3).join('') || 'explorer'}-${colorScheme}-${width}`
        if (shots) await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true })
        assert.deepEqual(await axeFindings(page), [], path)
        const over = await page.evaluate<number>(TOO_WIDE)
        assert.ok(over <= 0, `${path} is ${over} px too wide`)
      }
      assert.deepEqual(tab.complaints, [])
    })
  }
}

it('renders few nodes and reaches the end when there are many events', async t => {
  for (let i = 0; i < MANY; i++) {
    testEnv.traffic.begin(anna, 'refused')
    if (i % 2_000 === 0) await new Promise(done => setTimeout(done, 20))
  }
  await eventually(
    async () => {
      const { state } = await testEnv.link.manager.streams.info('REQUESTS')
      assert.ok(state.messages > MANY)
    },
    { timeoutMs: 60_000 },
  )
  await using tab = await open('/forensics?streams=requests')
  const { page } = tab
  await page.getByTestId('event-row').first().focus()
  const beganMs = performance.now()
  await page.keyboard.press('End')
  const grid = page.getByTestId('event-grid')
  await eventually(
    async () => assert.ok(Number(await grid.getAttribute('aria-rowcount')) > MANY, 'the end is loaded'),
    { timeoutMs: 120_000 },
  )
  const loadedMs = performance.now() - beganMs
  const rows = Number(await grid.getAttribute('aria-rowcount'))
  await eventually(async () => {
    const focused = await page.evaluate("document.activeElement.getAttribute('aria-rowindex')")
    assert.equal(Number(focused), rows, 'the last row has the focus')
  })
  await page.keyboard.press('Home')
  const nodes = await page.evaluate<number>("document.querySelectorAll('*').length")
  t.diagnostic(`${rows} rows loaded in ${loadedMs.toFixed(0)} ms; ${nodes} nodes`)
  assert.ok(nodes < MAX_NODES, `${nodes} nodes`)
  assert.deepEqual(tab.complaints, [])
})
