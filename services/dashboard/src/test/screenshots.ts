import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { launchBrowser } from '@fluxgate/testing/browser'
import type { Browser, Page } from 'playwright-core'
import { buildPage, logInOn, openTab } from './browser.ts'
import { IDENTITY, INCIDENT, renewNodes, seed } from './seed.ts'
import { setPolicies } from './seed-policies.ts'
import { SLOW, slowRequest } from './slow-request.ts'
import { DEVELOPER, OPERATOR, startTestEnv, type TestEnv } from './test-env.ts'

/**
 * Pictures of every view, light and dark, on a phone, a laptop and a wide screen: `npm run fluxgate -- screenshots`, or
 * `npm run fluxgate -- screenshots laptop-dark`, or `npm run fluxgate -- screenshots laptop-dark policy`; then look at them.
 */
const FOLDER = fileURLToPath(new URL('../../../../screenshots', import.meta.url))
const SCREENS = {
  phone: { width: 390, height: 844 },
  laptop: { width: 1_280, height: 900 },
  wide: { width: 1_920, height: 1_080 },
} as const
const SETTLE_MS = 1_200

interface Scene {
  readonly path: string
  /** What is done on the view before its picture is taken. */
  readonly act?: (page: Page) => Promise<void>
}

const OPERATOR_VIEWS: Readonly<Record<string, Scene>> = {
  overview: { path: '/' },
  'overview-24h': { path: '/?range=24h' },
  incidents: { path: '/incidents' },
  'incidents-none': { path: '/incidents?scope=closed' },
  incident: { path: `/incidents/${INCIDENT}` },
  identities: { path: '/identities?minutes=60' },
  identity: { path: `/identities/${IDENTITY}?range=24h` },
  'forensics-events': { path: '/forensics' },
  'forensics-event': { path: '/forensics/events/TOKENS/1' },
  'forensics-request': { path: `/forensics/requests/${SLOW}` },
  'forensics-state': { path: '/forensics/state?range=15m' },
  'forensics-what-if': {
    path: '/forensics/what-if?set=contextFlood.thresholdTokens:2000',
    act: async page => {
      await page.getByTestId('whatif-run').click()
      await page.getByTestId('whatif').waitFor()
    },
  },
  'forensics-verify': { path: '/forensics/verify?range=15m' },
  policy: { path: '/policy' },
  'policy-json': { path: '/policy?as=json' },
  system: { path: '/system' },
  'dead-letters': { path: '/system/dead-letters' },
  users: { path: '/users' },
  user: { path: `/users/${DEVELOPER.id}` },
  palette: { path: '/', act: page => page.keyboard.press('Control+k') },
  throttle: {
    path: '/identities?minutes=60',
    act: page => page.getByRole('button', { name: 'Throttle' }).first().click(),
  },
  missing: { path: '/nothing' },
}
const DEVELOPER_VIEWS: Readonly<Record<string, Scene>> = {
  keys: { path: '/keys' },
  'key-made': {
    path: '/keys',
    act: async page => {
      await page.getByTestId('create-key').click()
      await page.getByTestId('key-name').fill('laptop')
      await page.getByTestId('key-confirm').click()
      await page.getByTestId('new-key').waitFor()
    },
  },
  usage: { path: '/usage?range=24h' },
  playground: { path: '/playground' },
  'playground-answer': {
    path: '/playground',
    act: async page => {
      await page.getByTestId('play-text').fill('Say hello.')
      await page.getByTestId('play-send').click()
      await page.getByTestId('play-figures').waitFor()
    },
  },
  sessions: { path: '/sessions' },
}

type Shot = { scheme: 'light' | 'dark'; screen: keyof typeof SCREENS; only: string | undefined }

async function shoot(browser: Browser, testEnv: TestEnv, { scheme, screen, only }: Shot) {
  const isWanted = (name: string) => only === undefined || name === only
  for (const [who, views] of [
    [OPERATOR.email, OPERATOR_VIEWS],
    [DEVELOPER.email, DEVELOPER_VIEWS],
  ] as const) {
    await using tab = await openTab(browser, { colorScheme: scheme, viewport: SCREENS[screen] })
    const { page } = tab
    const picture = (name: string) =>
      page.screenshot({ path: join(FOLDER, `${name}-${screen}-${scheme}.png`), fullPage: true })
    await page.goto(testEnv.url)
    if (who === OPERATOR.email && isWanted('login')) await picture('login')
    await logInOn(page, testEnv.url, who)
    await page.locator('.shell h1').waitFor()
    for (const [name, { path, act }] of Object.entries(views)) {
      if (!isWanted(name)) continue
      await page.goto(testEnv.url + path)
      await page.locator('.shell h1').waitFor()
      await page.waitForTimeout(SETTLE_MS)
      await act?.(page)
      if (act) await page.waitForTimeout(SETTLE_MS / 4)
      // What sticks to the window stands where it is when nothing is scrolled.
      await page.evaluate('scrollTo(0, 0)')
      await picture(name)
    }
    if (who === OPERATOR.email && isWanted('reconnecting')) {
      await page.goto(testEnv.url)
      await page.locator('[data-testid="connection"][data-state="Live"]').waitFor()
      await testEnv.down()
      await page.locator('[data-testid="connection"][data-state="Reconnecting"]').waitFor()
      await picture('reconnecting')
      await testEnv.up()
    }
  }
}

await using stack = new AsyncDisposableStack()
await mkdir(FOLDER, { recursive: true })
const { pageDir } = stack.use(await buildPage())
const testEnv = stack.use(await startTestEnv({ pageDir }))
await seed(testEnv)
await setPolicies(testEnv)
await slowRequest(testEnv, { user: DEVELOPER.id, key: 'k_laptop' })
stack.defer(renewNodes(testEnv))
const busy = setInterval(() => {
  const now = Date.now()
  for (let i = 0; i < 6; i++) {
    const outcome = i === 0 && now % 3 === 0 ? 'failed' : i === 1 ? 'refused' : 'completed'
    const identity = { user: DEVELOPER.id, key: 'k_laptop' }
    testEnv.traffic.request(identity, outcome, 120 + (now % 90), `gw-${'ab'[i % 2]}`)
  }
}, 200)
stack.defer(() => clearInterval(busy))
const browser = await launchBrowser()
stack.defer(() => browser.close())
const [wanted, only] = process.argv.slice(2)
for (const scheme of ['light', 'dark'] as const) {
  for (const screen of ['phone', 'laptop', 'wide'] as const) {
    if (wanted === undefined || wanted === `${screen}-${scheme}`)
      await shoot(browser, testEnv, { scheme, screen, only })
  }
}
console.log(`pictures are in ${FOLDER}`)
