import { launchBrowser } from '@fluxgate/testing/browser'
import { buildPage, logInOn, openTab } from './browser.ts'
import { fanOut, generateLoad, startAlone, watchPage } from './load.ts'
import { logIn, OPERATOR, startTestEnv } from './test-env.ts'

/**
 * `npm run fluxgate -- bench:dashboard [minutes]`: an overview open in Chromium at 200 events a second for ten minutes (its heap, its
 * frames), then 200 open pages at once for a minute (the server's share of a core, the delay of what it tells).
 */
const MINUTES = Number(process.argv[2] ?? 10)
const EVENTS_PER_SECOND = 200
const PAGES = 200
const FAN_OUT_MS = Math.min(60_000, MINUTES * 60_000)
const SAMPLES = 20

await using stack = new AsyncDisposableStack()
const { pageDir } = stack.use(await buildPage())
const testEnv = stack.use(await startTestEnv({ pageDir }))
const stop = generateLoad(testEnv, EVENTS_PER_SECOND)
stack.defer(stop)
const browser = await launchBrowser()
{
  await using tab = await openTab(browser)
  await logInOn(tab.page, testEnv.url, OPERATOR.email)
  await tab.page.getByTestId('rate-requests').waitFor()
  const durationMs = MINUTES * 60_000
  const figures = await watchPage(tab.page, durationMs, durationMs / SAMPLES)
  const mb = (bytes: number) => Math.round(bytes / 10_000) / 100
  console.log(`page, ${MINUTES} min at ${EVENTS_PER_SECOND} events/s:`)
  console.log(`  heap after collection, MB: ${figures.heap.map(mb).join(' ')}`)
  console.log(`  growth in the second half: ${mb(figures.growthPerMinute)} MB/min`)
  console.log(`  frames later than 50 ms: ${(figures.lateFrames * 100).toFixed(2)} %`)
  console.log(`  longest task: ${Math.round(figures.longestTaskMs)} ms; complaints: ${tab.complaints.length}`)
}
await browser.close()
{
  await using alone = await startAlone(testEnv)
  const cookie = await logIn(testEnv, OPERATOR.email)
  const figures = await fanOut({ url: testEnv.url, cookie, pid: alone.pid }, PAGES, FAN_OUT_MS)
  console.log(`${PAGES} open pages, ${FAN_OUT_MS / 1_000} s at ${EVENTS_PER_SECOND} events/s:`)
  console.log(`  complete pages: ${figures.complete} of ${figures.pages}, ${figures.ticks} ticks each`)
  console.log(`  polls: ${figures.polls}, failed: ${figures.failedPolls}`)
  console.log(`  delay p50 ${figures.delayP50Ms} ms, p99 ${figures.delayP99Ms} ms`)
  console.log(`  server: ${(figures.cpuShare * 100).toFixed(1)} % of one core`)
}
