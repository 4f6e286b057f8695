import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '@fluxgate/testing'
import type { Browser } from 'playwright-core'
import { logInOn, openTab } from './browser.ts'
import { OPERATOR } from './test-env.ts'

/**
 * What moved in five seconds. Chromium also tells of text that begins elsewhere in a place that stays, as a figure on
 * the right does that gets a digit more.
 */
const LAYOUT_SHIFTS = `new Promise(resolve => {
  const moved = []
  new PerformanceObserver(list => {
    for (const { sources } of list.getEntries()) {
      for (const { node, previousRect, currentRect } of sources) {
        if (previousRect.x === currentRect.x && previousRect.y === currentRect.y) continue
        moved.push((node?.parentElement ?? node)?.outerHTML?.slice(0, 200))
      }
    }
  }).observe({ type: 'layout-shift' })
  setTimeout(() => resolve(moved), 5_000)
})`

/** What moves on a view once all of it has come. */
export async function shiftsOf(
  browser: Browser,
  url: string,
  path: string,
  width: number,
): Promise<string[]> {
  await using tab = await openTab(browser, { viewport: { width, height: 900 } })
  const { page } = tab
  await logInOn(page, url + path, OPERATOR.email)
  await page.locator('.shell h1').waitFor()
  await eventually(async () => assert.equal(await page.locator('.loading, .chart-bone').count(), 0))
  await sleep(1_500)
  const moved = await page.evaluate<string[]>(LAYOUT_SHIFTS)
  const errors = await page.locator('.error-message').allTextContents()
  return moved.map(html => `${path} at ${width} px: ${html} ${errors.join()}`)
}
