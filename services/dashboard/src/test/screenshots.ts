import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright-core'
import { buildPage, launchBrowser, logInOn, openTab } from './browser.ts'
import { IDENTITY, INCIDENT, keepNodesAlive, seed } from './seed.ts'
import { DEVELOPER, OPERATOR, type Stand, startStand } from './stand.ts'

/** Pictures of every view, light and dark, on a desk and on a phone: `npm run screenshots`, then look at them. */
const FOLDER = fileURLToPath(new URL('../../../../screenshots', import.meta.url))
const SCREENS = {
  desktop: { width: 1_280, height: 900 },
  phone: { width: 390, height: 844 },
} as const
const OPERATOR_VIEWS = {
  overview: '/',
  'overview-24h': '/?range=24h',
  incidents: '/incidents',
  incident: `/incidents/${INCIDENT}`,
  identities: '/identities?minutes=60',
  identity: `/identities/${IDENTITY}?range=24h`,
  policy: '/policy',
  system: '/system',
  'dead-letters': '/system/dead-letters',
  users: '/users',
  user: `/users/${DEVELOPER.id}`,
}
const DEVELOPER_VIEWS = {
  keys: '/keys',
  usage: '/usage?range=24h',
  playground: '/playground',
  sessions: '/sessions',
}
const SETTLE_MS = 1_200

async function shoot(
  browser: Browser,
  stand: Stand,
  colorScheme: 'light' | 'dark',
  screen: keyof typeof SCREENS,
) {
  for (const [who, views] of [
    [OPERATOR.email, OPERATOR_VIEWS],
    [DEVELOPER.email, DEVELOPER_VIEWS],
  ] as const) {
    await using tab = await openTab(browser, { colorScheme, viewport: SCREENS[screen] })
    const { page } = tab
    const picture = (name: string) =>
      page.screenshot({ path: join(FOLDER, `${name}-${screen}-${colorScheme}.png`), fullPage: true })
    await page.goto(stand.url)
    if (who === OPERATOR.email) await picture('login')
    await logInOn(page, stand.url, who)
    await page.locator('.shell h1').waitFor()
    for (const [name, path] of Object.entries(views)) {
      await page.goto(stand.url + path)
      await page.locator('.shell h1').waitFor()
      await page.waitForTimeout(SETTLE_MS)
      await picture(name)
    }
  }
}

await using stack = new AsyncDisposableStack()
await mkdir(FOLDER, { recursive: true })
const { pageDir } = stack.use(await buildPage())
const stand = stack.use(await startStand({ pageDir }))
await seed(stand)
stack.defer(keepNodesAlive(stand))
const busy = setInterval(() => {
  const now = Date.now()
  for (let i = 0; i < 6; i++) {
    const outcome = i === 0 && now % 3 === 0 ? 'failed' : i === 1 ? 'refused' : 'completed'
    stand.traffic.request({ user: DEVELOPER.id, key: 'k_laptop' }, outcome, 120 + (now % 90))
  }
}, 200)
stack.defer(() => clearInterval(busy))
const browser = await launchBrowser()
stack.defer(() => browser.close())
const wanted = process.argv[2]
for (const scheme of ['light', 'dark'] as const) {
  for (const screen of ['desktop', 'phone'] as const) {
    if (wanted !== undefined && wanted !== `${screen}-${scheme}`) continue
    await shoot(browser, stand, scheme, screen)
  }
}
console.log(`pictures are in ${FOLDER}`)
