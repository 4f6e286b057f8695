import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LogFile } from './log-file.ts'
import { noticeOf, type Tell } from './notice.ts'

const LAST_WORDS_LINES = 6
const LAST_WORDS_LIMIT_MS = 200
const PROBE_EVERY_MS = 20

export interface ChildSpec {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** Children of the highest rank stop first. */
  readonly rank: number
  readonly readyLimitMs: number
  /** Says whether the child is up; absent: the child itself says `{ready: true}` over its IPC channel. */
  readonly probe?: () => Promise<boolean>
}

/** What a child told when it was ready. */
export type ReadyMessage = Readonly<Record<string, unknown>>

/** `lastWords` have been told already, as they came. */
export class ChildFailed extends Error {
  readonly code = 'FLUXGATE_CHILD_FAILED'
  readonly child: string
  readonly lastWords: readonly string[]

  constructor(child: string, what: string, lastWords: readonly string[]) {
    super(`${child} ${what}`)
    this.name = 'ChildFailed'
    this.child = child
    this.lastWords = lastWords
  }
}

/** One process from its start to its end. */
export interface Life {
  readonly pid: number | undefined
  /** Rejects with {@link ChildFailed} when the process ends, or the time is up, before it is ready. */
  readonly ready: Promise<ReadyMessage>
  /** How it ended, in words. */
  readonly ended: Promise<string>
  /** To the process and whatever it has started itself. */
  signal(signal: NodeJS.Signals): void
}

export function beginLife(spec: ChildSpec, log: LogFile, tell: Tell): Life {
  const lastWords: string[] = []
  const child = spawn(spec.command, spec.args, {
    env: spec.env,
    // A process group of its own: Ctrl-C reaches the supervisor alone, which stops its children in order.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', ...(spec.probe ? [] : (['ipc'] as const))],
  })
  const spoken = Promise.all([
    listen(child.stdout, false, spec.name, log, tell, lastWords),
    listen(child.stderr, true, spec.name, log, tell, lastWords),
  ])
  const ended = exitOf(child).then(async how => {
    // The last lines tell why it ended; a grandchild that holds the pipe open must not hold this up.
    await Promise.race([spoken, sleep(LAST_WORDS_LIMIT_MS, undefined, { ref: false })])
    return how
  })
  return {
    pid: child.pid,
    ready: untilReady(spec, child, ended, lastWords),
    ended,
    signal: signal => send(child, signal),
  }
}

function exitOf(child: ChildProcess): Promise<string> {
  return new Promise(resolve => {
    child.on('error', error => {
      if (child.pid === undefined) resolve(`could not be started: ${error.message}`)
    })
    child.on('exit', (code, signal) => resolve(signal ? `was ended by ${signal}` : `ended with code ${code}`))
  })
}

async function untilReady(
  spec: ChildSpec,
  child: ChildProcess,
  ended: Promise<string>,
  lastWords: readonly string[],
): Promise<ReadyMessage> {
  const over = new AbortController()
  const failed = (what: string) => new ChildFailed(spec.name, what, lastWords)
  try {
    return await Promise.race([
      spec.probe ? probed(spec.probe, over.signal) : reported(child),
      ended.then(how => Promise.reject(failed(`${how} before it was ready`))),
      sleep(spec.readyLimitMs, undefined, { signal: over.signal }).then(() =>
        Promise.reject(failed(`was not ready within ${spec.readyLimitMs / 1_000} s`)),
      ),
    ])
  } finally {
    over.abort()
  }
}

function reported(child: ChildProcess): Promise<ReadyMessage> {
  return new Promise(resolve => {
    child.on('message', message => {
      if (typeof message === 'object' && 'ready' in message) resolve({ ...message })
    })
  })
}

async function probed(probe: () => Promise<boolean>, signal: AbortSignal): Promise<ReadyMessage> {
  while (!signal.aborted && !(await probe())) await sleep(PROBE_EVERY_MS)
  return {}
}

async function listen(
  stream: Readable | null,
  isStderr: boolean,
  name: string,
  log: LogFile,
  tell: Tell,
  lastWords: string[],
): Promise<void> {
  if (!stream) return
  for await (const line of createInterface({ input: stream })) {
    const notice = noticeOf(name, line, isStderr)
    if (notice) {
      lastWords.push(notice.text)
      if (lastWords.length > LAST_WORDS_LINES) lastWords.shift()
      tell(notice)
    }
    await log.append(line)
  }
}

function send(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  try {
    // The whole group at the end, the process alone before: it knows how to stop its own.
    if (signal === 'SIGKILL' && process.platform !== 'win32') process.kill(-child.pid, signal)
    else child.kill(signal)
  } catch {
    // It ended in between.
  }
}
