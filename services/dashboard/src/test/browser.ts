import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { build } from 'vite'
import { PASSWORD } from './test-env.ts'

/** The page that `npm test` has built; else it is built as `npm run build` does, into a directory of the test's own. */
export async function buildPage(): Promise<{ pageDir: string } & AsyncDisposable> {
  const built = process.env.FLUXGATE_TEST_PAGE
  if (built) return { pageDir: built, async [Symbol.asyncDispose]() {} }
  const pageDir = await mkdtemp(join(tmpdir(), 'fluxgate-page-'))
  const configFile = fileURLToPath(new URL('../../vite.config.ts', import.meta.url))
  await build({ configFile, logLevel: 'error', build: { outDir: pageDir } })
  return { pageDir, [Symbol.asyncDispose]: () => rm(pageDir, { recursive: true, force: true }) }
}

/** A tab, and what the browser complained about in it: errors, refused scripts and styles, broken promises. */
export interface Tab extends AsyncDisposable {
  readonly page: Page
  readonly complaints: string[]
}

/** Refusals are answers too, and so is a server that stops: Chromium tells of each on its console. */
const REFUSED =
  /the server responded with a status of 4\d\d|ERR_CONNECTION_(REFUSED|RESET)|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE_CHUNKED/

export async function openTab(browser: Browser, options: BrowserContextOptions = {}): Promise<Tab> {
  const context = await browser.newContext({ locale: 'en-GB', timezoneId: 'Europe/Berlin', ...options })
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', error => complaints.push(String(error)))
  page.on('console', message => {
    const text = message.text()
    if (message.type() === 'error' && !REFUSED.test(text)) complaints.push(text)
  })
  return { page, complaints, [Symbol.asyncDispose]: () => context.close() }
}

export async function logInOn(page: Page, url: string, email: string): Promise<void> {
  await page.goto(url)
  await page.getByTestId('login-email').fill(email)
  await page.getByTestId('login-password').fill(PASSWORD)
  await page.getByTestId('login-submit').click()
}

const AXE = readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const WCAG = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

/** What axe finds wrong on the page as it is now: rule, and the first elements that break it. */
export async function axeFindings(page: Page): Promise<string[]> {
  await page.evaluate(await AXE)
  const run = `axe.run(document, { runOnly: ${JSON.stringify(WCAG)} }).then(({ violations }) => violations.map(
    ({ id, nodes }) => id + ': ' + nodes.slice(0, 3).map(node => node.html.slice(0, 160) + ' ' + node.failureSummary).join(' | ')))`
  return page.evaluate<string[]>(run)
}
