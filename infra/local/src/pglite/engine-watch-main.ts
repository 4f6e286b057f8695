import { setTimeout as sleep } from 'node:timers/promises'
import { workerData } from 'node:worker_threads'

const { turns, pollMs, maxTurnMs, maxGrowthBytes } = workerData as {
  turns: Int32Array
  pollMs: number
  maxTurnMs: number
  maxGrowthBytes: number
}

let turn = 0
let beganMs = 0
let rssBytes = 0
for (;;) {
  await sleep(pollMs)
  const now = Atomics.load(turns, 0)
  if (now % 2 === 0) {
    // Between turns: what the process has now is what a turn may grow from.
    rssBytes = process.memoryUsage.rss()
    turn = now
    continue
  }
  if (now !== turn) {
    turn = now
    beganMs = performance.now()
  }
  const tookMs = performance.now() - beganMs
  const grownBytes = process.memoryUsage.rss() - rssBytes
  if (tookMs > maxTurnMs || grownBytes > maxGrowthBytes) process.kill(process.pid, 'SIGKILL')
}
