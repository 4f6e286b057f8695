import { type ChildProcess, spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { SECOND_MS } from '@fluxgate/contracts'
import { eventually } from '@fluxgate/testing'
import type { Page } from 'playwright-core'
import type { TestEnv } from './test-env.ts'

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url))
const EVENTS_PER_REQUEST = 3
const TURN_MS = 50
/** What an open overview asks for besides its live connection, and how often. */
const POLLED = ['/api/overview', '/api/system', '/api/metrics?range=5m']
const POLL_MS = 5_000
/** Clock ticks of `/proc/<pid>/stat`, on Linux. */
const TICKS_PER_SECOND = 100

/** Traffic of so many events a second, until told to stop. */
export function generateLoad(testEnv: TestEnv, eventsPerSecond: number): () => void {
  let owed = 0
  const timer = setInterval(() => {
    owed += (eventsPerSecond / EVENTS_PER_REQUEST) * (TURN_MS / SECOND_MS)
    for (; owed >= 1; owed--) testEnv.traffic.request({ user: 'u_load', key: 'k_1' }, 'completed', 90)
  }, TURN_MS)
  return () => clearInterval(timer)
}

/** The dashboard in a process of its own, instead of the test environment's. */
export async function startAlone(testEnv: TestEnv): Promise<{ pid: number } & AsyncDisposable> {
  await testEnv.down()
  const args = ['--disable-warning=ExperimentalWarning', MAIN]
  const env = { PATH: process.env.PATH ?? '', ...testEnv.processEnv }
  const child: ChildProcess = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'inherit'] })
  const ended = new Promise<void>(resolve => child.once('exit', () => resolve()))
  await eventually(async () => (await fetch(`${testEnv.url}/ready`)).status === 200)
  return {
    pid: child.pid!,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

export interface PageFigures {
  /** Bytes of script heap after a collection, over time. */
  readonly heap: readonly number[]
  /** Bytes a minute, by least squares over the second half, when the page's history is full. */
  readonly growthPerMinute: number
  /** Share of frames that came more than two frames late. */
  readonly lateFrames: number
  readonly longestTaskMs: number
}

const WATCH_FRAMES = `(() => {
  const seen = (window.seen = { frames: 0, late: 0, longestMs: 0 })
  new PerformanceObserver(list => {
    for (const { duration } of list.getEntries()) seen.longestMs = Math.max(seen.longestMs, duration)
  }).observe({ type: 'longtask' })
  let last = performance.now()
  const step = now => {
    seen.frames++
    if (now - last > 50) seen.late++
    last = now
    requestAnimationFrame(step)
  }
  requestAnimationFrame(step)
})()`

/** How an open page fares over time. */
export async function watchPage(page: Page, durationMs: number, everyMs: number): Promise<PageFigures> {
  const devtools = await page.context().newCDPSession(page)
  await page.evaluate(WATCH_FRAMES)
  const heap: number[] = []
  const times: number[] = []
  const startedMs = performance.now()
  while (performance.now() - startedMs < durationMs) {
    await sleep(everyMs)
    await devtools.send('HeapProfiler.collectGarbage')
    const { usedSize } = await devtools.send('Runtime.getHeapUsage')
    heap.push(usedSize)
    times.push((performance.now() - startedMs) / 60_000)
  }
  const seen = await page.evaluate<{ frames: number; late: number; longestMs: number }>('window.seen')
  const half = Math.floor(heap.length / 2)
  return {
    heap,
    growthPerMinute: slopeOf(times.slice(half), heap.slice(half)),
    lateFrames: seen.late / Math.max(1, seen.frames),
    longestTaskMs: seen.longestMs,
  }
}

function slopeOf(xs: readonly number[], ys: readonly number[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const [x, y] = [mean(xs), mean(ys)]
  const above = xs.reduce((sum, each, i) => sum + (each - x) * (ys[i]! - y), 0)
  const below = xs.reduce((sum, each) => sum + (each - x) ** 2, 0)
  return below === 0 ? 0 : above / below
}

export interface FanOutFigures {
  readonly pages: number
  /** Pages that got every second that the others got. */
  readonly complete: number
  readonly ticks: number
  readonly polls: number
  readonly failedPolls: number
  /** From the server's telling of a second to its arrival, milliseconds. */
  readonly delayP50Ms: number
  readonly delayP99Ms: number
  /** Of one core, by the server's process. */
  readonly cpuShare: number
}

/** So many open overviews at once: a live connection each, and what they ask for besides. */
export async function fanOut(
  { url, cookie, pid }: { url: string; cookie: string; pid: number },
  pages: number,
  durationMs: number,
): Promise<FanOutFigures> {
  const delays: number[] = []
  const counts = new Array<number>(pages).fill(0)
  const stop = new AbortController()
  for (let i = 0; i < pages; i++) {
    listen(url, cookie, stop.signal, sentMs => {
      counts[i]!++
      delays.push(Date.now() - sentMs)
    })
  }
  await eventually(() => counts.every(count => count > 0))
  delays.length = 0
  counts.fill(0)
  const polls = { made: 0, failed: 0 }
  const polling = Array.from({ length: pages }, (_, i) =>
    poll(url, cookie, stop.signal, (i / pages) * POLL_MS, polls),
  )
  const [before, startedMs] = [await cpuSecondsOf(pid), performance.now()]
  await sleep(durationMs)
  const cpu = (await cpuSecondsOf(pid)) - before
  const tookMs = performance.now() - startedMs
  const most = Math.max(...counts)
  const sorted = delays.toSorted((a, b) => a - b)
  const figures = {
    pages,
    ticks: most,
    polls: polls.made,
    failedPolls: polls.failed,
    // One second may be on its way when the counting stops.
    complete: counts.filter(count => count >= most - 1).length,
    delayP50Ms: sorted[Math.floor(sorted.length * 0.5)] ?? Number.NaN,
    delayP99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN,
    cpuShare: cpu / (tookMs / SECOND_MS),
  }
  stop.abort()
  await Promise.all(polling)
  return figures
}

function listen(url: string, cookie: string, signal: AbortSignal, onTick: (sentMs: number) => void): void {
  const request = get(`${url}/api/live`, { headers: { cookie }, agent: false, signal }, response => {
    let text = ''
    response.setEncoding('utf8').on('data', (chunk: string) => {
      const blocks = (text + chunk).split('\n\n')
      text = blocks.pop()!
      for (const block of blocks) {
        const sent = /event: tick\ndata: \{"now":(\d+)/.exec(block)?.[1]
        if (sent !== undefined) onTick(Number(sent))
      }
    })
    response.on('error', () => {})
  })
  request.on('error', () => {})
}

async function poll(
  url: string,
  cookie: string,
  signal: AbortSignal,
  afterMs: number,
  polls: { made: number; failed: number },
): Promise<void> {
  try {
    await sleep(afterMs, undefined, { signal })
    for (;;) {
      for (const path of POLLED) {
        const response = await fetch(url + path, { headers: { cookie }, signal })
        await response.arrayBuffer()
        polls.made++
        if (!response.ok) polls.failed++
      }
      await sleep(POLL_MS, undefined, { signal })
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

async function cpuSecondsOf(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}
