import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Load {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly connections: number
  readonly seconds: number
}

export interface Figures {
  readonly requestsPerSecond: number
  readonly requests: number
  /** Sockets that failed and answers that were not 2xx. */
  readonly errors: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** wrk, compiled and of one thread, sends POSTs as fast as they are answered. */
export async function wrk(load: Load): Promise<Figures> {
  const directory = await mkdtemp(join(tmpdir(), 'fluxgate-wrk-'))
  try {
    const script = join(directory, 'load.lua')
    const headers = Object.entries(load.headers).map(([name, value]) => `wrk.headers["${name}"] = "${value}"`)
    await writeFile(
      script,
      `wrk.method = "POST"\nwrk.body = [==[${load.body}]==]\n${headers.join('\n')}\n${DONE}`,
    )
    const { stdout } = await run('wrk', [
      ...['-t', '1', '-c', String(load.connections), '-d', `${load.seconds}s`],
      ...['-s', script, load.url],
    ])
    const figures = /FIGURES (\d+) (\d+) (\d+) ([\d.]+) ([\d.]+)/.exec(stdout)
    if (!figures) throw new Error(`wrk told nothing:\n${stdout}`)
    const [requests = 0, microseconds = 1, errors = 0, p50 = 0, p99 = 0] = figures.slice(1).map(Number)
    return {
      requests,
      requestsPerSecond: requests / (microseconds / 1e6),
      errors,
      p50Ms: p50 / 1_000,
      p99Ms: p99 / 1_000,
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

const DONE = `done = function(summary, latency)
  local e = summary.errors
  io.write(string.format("FIGURES %d %d %d %.0f %.0f\\n", summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(99)))
end
`
