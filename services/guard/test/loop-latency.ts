import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { watchBucket } from '@fluxgate/nats'
import { startGuardBench } from '../src/test-bench.ts'

/**
 * From the publish of the crossing event to the throttle at a watcher, with the guard in a process of its own.
 * `node services/guard/test/loop-latency.ts [runs]`
 */
const runs = Number(process.argv[2] ?? 50)
const WARM_UP = 10
const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url))

await using bench = await startGuardBench()
const guard = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN], {
  env: { PATH: process.env.PATH, NATS_URL: bench.server.url, LOG_LEVEL: 'warn' },
  stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
})
await once(guard, 'message')
await new Promise(resolve => setTimeout(resolve, 1_000))

const seen = new Map<string, (atMs: number) => void>()
await using _watch = await watchBucket(bench.link, bench.throttles, {
  onChange: key => seen.get(key)?.(performance.now()),
})

const latencies: number[] = []
for (let i = 0; i < runs + WARM_UP; i++) {
  const identity = { user: `user${i}`, key: 'k1' }
  const arrival = new Promise<number>(resolve => seen.set(`user${i}.k1`, resolve))
  await bench.settle(identity, 400)
  const publishedAt = performance.now()
  void bench.settle(identity, 400)
  const tookMs = (await arrival) - publishedAt
  if (i >= WARM_UP) latencies.push(tookMs)
  await new Promise(resolve => setTimeout(resolve, 10))
}
latencies.sort((a, b) => a - b)
const at = (part: number) =>
  latencies[Math.min(latencies.length - 1, Math.floor(part * latencies.length))]!.toFixed(2)
console.log(`${runs} runs  p50 ${at(0.5)} ms  p95 ${at(0.95)} ms  p99 ${at(0.99)} ms  max ${at(1)} ms`)
guard.kill('SIGTERM')
await once(guard, 'exit')
