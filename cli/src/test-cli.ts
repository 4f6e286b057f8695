import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import {
  eventMaker,
  type OutgoingEvent,
  RequestAdmitted,
  RequestCompleted,
  TokensProgressed,
  TokensSettled,
} from '@fluxgate/contracts'
import { connectNats, EventPublisher, ensureTopology, type NatsLink } from '@fluxgate/nats'
import { type NatsServer, startNatsServer, testNats } from '@fluxgate/testing'
import { runForensics } from './service.ts'

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))
const silent = { info() {}, warn() {}, error() {} }
const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

let ids = 0
export function ulidAt(ms: number): string {
  let time = ''
  for (let rest = ms; time.length < 10; rest = Math.floor(rest / 32)) time = CROCKFORD[rest % 32] + time
  return `${time}${String(++ids).padStart(16, '0')}`
}

export const make = eventMaker('/test/1', () => ulidAt(Date.now()), Date.now)
export const identity = { user: 'u1', key: 'k1' }
const common = { ...identity, tier: 'free' as const, refillRate: 100, model: 'm' }

export function admitted(request: string, timeMs: number, user = 'u1'): OutgoingEvent {
  return make(
    RequestAdmitted,
    {
      request,
      user,
      key: 'k1',
      tier: 'free',
      dialect: 'openai',
      method: 'POST',
      path: '/v1/chat/completions',
      model: 'm',
      stream: true,
      address: '127.0.0.1',
      agent: 'curl/8',
      promptChars: 9,
      promptEstimate: 3,
      reserved: 259,
    },
    { timeMs },
  )
}

export function settled(request: string, timeMs: number, user = 'u1', total = 33): OutgoingEvent {
  const tokens = { usage: { input: 3, output: total - 3 }, total, reserved: 259, progressed: 0 }
  const data = { ...common, ...tokens, request, user, upstream: 'sim', source: 'reported' as const }
  return make(TokensSettled, data, { timeMs })
}

export function completed(request: string, timeMs: number, user = 'u1'): OutgoingEvent {
  const ending = {
    request,
    user,
    key: 'k1',
    model: 'm',
    upstream: 'sim',
    status: 200,
    durationMs: 1_500,
    bytes: 9,
  }
  return make(RequestCompleted, ending, { timeMs })
}

export function progressed(request: string, timeMs: number): OutgoingEvent {
  const counted = { prompt: 3, completion: 10, delta: 13, elapsedMs: 1_000 }
  return make(TokensProgressed, { ...common, ...counted, request }, { timeMs })
}

/** A whole request at once. */
export function whole(request: string, timeMs: number, user = 'u1', total = 33): OutgoingEvent[] {
  return [
    admitted(request, timeMs, user),
    settled(request, timeMs, user, total),
    completed(request, timeMs, user),
  ]
}

export interface Told {
  readonly code: number
  readonly lines: string[]
  readonly errors: string
  // biome-ignore lint/suspicious/noExplicitAny: what a test expects of the lines is what it asserts
  json(): any[]
}

export interface TestEnv extends AsyncDisposable {
  readonly nats: NatsServer
  readonly link: NatsLink
  readonly publisher: EventPublisher
  readonly directory: string
  /** What a shell would be given, before the arguments. */
  readonly command: readonly string[]
  /** As a process of its own. */
  start(args: readonly string[], env?: Record<string, string>): ChildProcess
  /** In this process: the same as `main.ts` does, without the time that a process takes to start. */
  run(args: readonly string[], env?: Record<string, string>, interrupted?: AbortSignal): Promise<Told>
  publish(events: readonly OutgoingEvent[]): Promise<void>
  /** A request with its events one after the other, so that their stored times differ. */
  publishRequest(request: string, startMs: number): Promise<void>
}

/**
 * A real nats-server with the log's streams, and the command line over it.
 *
 * @param ownNats for tests that stop it
 */
export async function startTestCli({ ownNats = false } = {}): Promise<TestEnv> {
  const stack = new AsyncDisposableStack()
  const nats = stack.use(await (ownNats ? startNatsServer() : testNats()))
  const link = stack.use(await connectNats({ url: nats.url, name: 'test' }, silent))
  await ensureTopology(link)
  const publisher = stack.use(new EventPublisher(link))
  const directory = await mkdtemp(join(tmpdir(), 'fluxgate-forensics-'))
  stack.defer(() => rm(directory, { recursive: true }))
  const command = [process.execPath, '--disable-warning=ExperimentalWarning', MAIN] as const
  return {
    nats,
    link,
    publisher,
    directory,
    command,
    start(args, env = { NATS_URL: nats.url }) {
      const [program, ...first] = command
      return spawn(program, [...first, ...args], {
        env: { PATH: process.env.PATH, ...env },
        cwd: directory,
      })
    },
    run: (args, env = { NATS_URL: nats.url }, interrupted) => run(args, env, interrupted),
    async publish(events) {
      await Promise.all(events.map(event => publisher.publish(event)))
    },
    async publishRequest(request, startMs) {
      for (const event of [
        admitted(request, startMs),
        progressed(request, startMs + 1_000),
        settled(request, startMs + 1_500),
        completed(request, startMs + 1_500),
      ]) {
        await publisher.publish(event)
        // What is stored in one millisecond has no order across streams.
        await sleep(2)
      }
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

async function run(
  args: readonly string[],
  env: Record<string, string>,
  interrupted = new AbortController().signal,
): Promise<Told> {
  const streams = { output: new PassThrough(), errors: new PassThrough() }
  const terminal = { ...streams, input: Readable.from([]), colours: false, bars: false, interrupted }
  const running = runForensics(args, env, terminal).finally(() => {
    for (const stream of Object.values(streams)) stream.end()
  })
  const [code, output, errors] = await Promise.all([running, text(streams.output), text(streams.errors)])
  const lines = output.split('\n').filter(line => line !== '')
  return { code, lines, errors, json: () => lines.map(line => JSON.parse(line)) }
}
