import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { writePrivateFile } from './private-file.ts'

const run = promisify(execFile)
const STOP_LIMIT_MS = 3_000
const POLL_MS = 25

interface Entry {
  readonly pid: number
  /** Text in its command line that tells it from whatever has its number later. */
  readonly marker: string
}

/** The processes of a run, in `processes.json`: what a run that was killed may have left behind. */
export class ProcessBook {
  readonly #path: string
  readonly #entries: Record<string, Entry> = {}
  #writing: Promise<void> = Promise.resolve()

  constructor(dataDir: string) {
    this.#path = join(dataDir, 'processes.json')
  }

  note(name: string, pid: number, marker: string): void {
    this.#entries[name] = { pid, marker }
    const text = JSON.stringify(this.#entries)
    this.#writing = this.#writing.then(() => writePrivateFile(this.#path, text)).catch(() => {})
  }

  /** Stops what an earlier run left, and says what it was. A data directory must not have two owners. */
  async stopLeftovers(): Promise<string[]> {
    await this.#writing
    const entries = await this.#read()
    const found: string[] = []
    for (const [name, { pid, marker }] of Object.entries(entries)) {
      if (!(await isProcess(pid, marker))) continue
      found.push(name)
      await end(pid, marker)
    }
    return found
  }

  async #read(): Promise<Record<string, Entry>> {
    try {
      return JSON.parse(await readFile(this.#path, 'utf8')) as Record<string, Entry>
    } catch {
      return {}
    }
  }
}

async function end(pid: number, marker: string): Promise<void> {
  const deadlineMs = performance.now() + STOP_LIMIT_MS
  signal(pid, 'SIGTERM')
  while (await isProcess(pid, marker)) {
    if (performance.now() > deadlineMs) signal(pid, 'SIGKILL')
    await sleep(POLL_MS)
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It ended in between.
  }
}

/** True when the process lives and its command line holds the marker. */
export async function isProcess(pid: number, marker: string): Promise<boolean> {
  return (await commandOf(pid))?.includes(marker) ?? false
}

async function commandOf(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') {
    // A zombie's command line is empty.
    return readFile(`/proc/${pid}/cmdline`, 'utf8').then(
      text => text.replaceAll('\0', ' '),
      () => undefined,
    )
  }
  return run('ps', ['-p', String(pid), '-o', 'command=']).then(
    answer => answer.stdout,
    () => undefined,
  )
}
