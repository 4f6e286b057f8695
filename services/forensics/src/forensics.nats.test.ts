import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
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
import { eventually, freePort, type NatsServer, startNatsServer } from '@fluxgate/testing'

import { runForensics } from './service.ts'

const MAIN = fileURLToPath(new URL('main.ts', import.meta.url))
const silent = { info() {}, warn() {}, error() {} }
const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

let ids = 0
function ulidAt(ms: number): string {
  let time = ''
  for (let rest = ms; time.length < 10; rest = Math.floor(rest / 32)) time = CROCKFORD[rest % 32] + time
  return `${time}${String(++ids).padStart(16, '0')}`
}
const make = eventMaker('/test/1', () => ulidAt(Date.now()), Date.now)

describe('the command line over the log', () => {
  let nats: NatsServer
  let link: NatsLink
  let publisher: EventPublisher
  let directory: string
  const stack = new AsyncDisposableStack()

  before(async () => {
    nats = stack.use(await startNatsServer())
    link = stack.use(await connectNats({ url: nats.url, name: 'test' }, silent))
    await ensureTopology(link)
    publisher = stack.use(new EventPublisher(link))
    directory = await mkdtemp(join(tmpdir(), 'fluxgate-forensics-'))
    stack.defer(() => rm(directory, { recursive: true }))
  })
  after(() => stack.disposeAsync())

  function start(
    args: readonly string[],
    env: Record<string, string> = { NATS_URL: nats.url },
  ): ChildProcess {
    const all = ['--disable-warning=ExperimentalWarning', MAIN, ...args]
    return spawn(process.execPath, all, { env: { PATH: process.env.PATH, ...env }, cwd: directory })
  }

  /** In this process: the same as `main.ts` does, without the time that a process takes to start. */
  async function run(args: readonly string[], env: Record<string, string> = { NATS_URL: nats.url }) {
    const streams = { output: new PassThrough(), errors: new PassThrough() }
    const running = runForensics(args, env, {
      ...{ ...streams, colours: false, interrupted: new AbortController().signal },
    }).finally(() => {
      for (const stream of Object.values(streams)) stream.end()
    })
    const [code, output, errors] = await Promise.all([running, text(streams.output), text(streams.errors)])
    const lines = output.split('\n').filter(line => line !== '')
    return { code, lines, errors, json: () => lines.map(line => JSON.parse(line)) }
  }

  const identity = { user: 'u1', key: 'k1' }
  const common = { ...identity, tier: 'free' as const, refillRate: 100, model: 'm' }

  function admitted(request: string, timeMs: number, agent = 'curl/8'): OutgoingEvent {
    return make(
      RequestAdmitted,
      {
        ...{
          request,
          ...identity,
          tier: 'free',
          dialect: 'openai',
          method: 'POST',
          path: '/v1/chat/completions',
        },
        ...{ model: 'm', stream: true, address: '127.0.0.1', agent, promptChars: 9, promptEstimate: 3 },
        reserved: 259,
      },
      { timeMs },
    )
  }

  function settled(request: string, timeMs: number, user = 'u1'): OutgoingEvent {
    const tokens = { prompt: 3, completion: 30, total: 33, reserved: 259, progressed: 0 }
    const data = { ...common, ...tokens, request, user, upstream: 'sim', source: 'reported' as const }
    return make(TokensSettled, data, { timeMs })
  }

  async function publishRequest(request: string, startMs: number): Promise<void> {
    const ending = {
      request,
      ...identity,
      model: 'm',
      upstream: 'sim',
      status: 200,
      durationMs: 1_500,
      bytes: 9,
    }
    const progress = { ...common, request, prompt: 3, completion: 10, delta: 13, elapsedMs: 1_000 }
    for (const event of [
      admitted(request, startMs),
      make(TokensProgressed, progress, { timeMs: startMs + 1_000 }),
      settled(request, startMs + 1_500),
      make(RequestCompleted, ending, { timeMs: startMs + 1_500 }),
    ]) {
      await publisher.publish(event)
      // What is stored in one millisecond has no order across streams.
      await sleep(2)
    }
  }

  test('trace tells the events of one request in order, with the delays', async () => {
    const startMs = Date.now() - 2_000
    const request = `req_${ulidAt(startMs)}`
    await publishRequest(`req_${ulidAt(startMs)}`, startMs)
    await publishRequest(request, startMs)
    const told = await run(['trace', request, '--json'])
    assert.deepEqual([told.code, told.errors], [0, ''])
    assert.deepEqual(
      told.json().map(({ event, sinceStartMs, sinceLastMs }) => [event.type, sinceStartMs, sinceLastMs]),
      [
        ['fluxgate.requests.admitted', 0, 0],
        ['fluxgate.tokens.progressed', 1_000, 1_000],
        ['fluxgate.requests.completed', 1_500, 500],
        ['fluxgate.tokens.settled', 1_500, 0],
      ],
    )
    assert.ok(told.json().every(({ event }) => event.data.request === request))

    const page = await run(['trace', request])
    assert.match(page.lines[0] ?? '', /4 events in 1\.50 s/)
    assert.match(
      page.lines[2] ?? '',
      /^ +\+1\.00 s \(\+1\.00 s\) +tokens\.progressed +u1\.k1 TOKENS:\d+ .*delta=13/,
    )
    assert.ok(!page.lines.join('').includes('\u001b'), 'no colours without a terminal')

    const open = `req_${ulidAt(startMs)}`
    await publisher.publish(admitted(open, startMs))
    const halfway = await run(['trace', open])
    assert.deepEqual([halfway.code, halfway.lines.length], [0, 2])
    assert.match(halfway.errors, /not in the log \(yet\): ending, settlement/)

    const gone = await run(['trace', `req_${ulidAt(startMs)}`])
    assert.deepEqual([gone.code, gone.lines], [1, []])
    assert.match(gone.errors, /nothing in the log tells of request/)
  })

  test('show finds an event by its id and by its place', async () => {
    const outgoing = settled('req_shown_event', Date.now())
    const { stream, sequence } = await publisher.publish(outgoing)
    const byId = await run(['show', outgoing.event.id, '--json'])
    assert.deepEqual([byId.code, byId.errors], [0, ''])
    const [found] = byId.json()
    assert.deepEqual([found.event, found.stream, found.sequence], [outgoing.event, stream, sequence])
    const byPlace = await run(['show', `${stream}:${sequence}`])
    assert.equal(byPlace.code, 0)
    assert.match(byPlace.lines[0] ?? '', new RegExp(`^TOKENS:${sequence} fluxgate\\.tokens\\.`))
    assert.deepEqual(JSON.parse(byPlace.lines.slice(1).join('\n')), outgoing.event)
    const { subject, event } = settled('req_no_time_in_id', Date.now())
    await publisher.publish({ subject, event: { ...event, id: 'an-id-without-a-time' } })
    assert.equal((await run(['show', 'an-id-without-a-time'])).code, 0)
    for (const wanted of [ulidAt(Date.now()), 'TOKENS:999999', 'an-id-of-nobody-here']) {
      const none = await run(['show', wanted])
      assert.deepEqual([none.code, none.lines], [1, []], wanted)
      assert.match(none.errors, /is not in the log/)
    }
  })

  interface Line {
    readonly event: { readonly type: string; readonly data: Record<string, unknown> }
    readonly sequence: number | null
  }

  /** A tail that has begun to show what is published, and its lines from then on. */
  async function startTail(args: readonly string[], probe: (n: number) => OutgoingEvent) {
    const child = start(['tail', '--json', ...args])
    const lines: Line[] = []
    createInterface({ input: child.stdout! }).on('line', line => lines.push(JSON.parse(line)))
    const errors = text(child.stderr!)
    let probes = 0
    await eventually(async () => {
      await publisher.publish(probe(probes++))
      return lines.length > 0
    })
    const isProbe = ({ event }: Line) => String(event.data.request).startsWith('req_probe')
    return { child, errors, shown: () => lines.filter(line => !isProbe(line)), all: lines }
  }

  test('tail shows what passes and the filter lets through, until Ctrl-C', async () => {
    const args = ['--identity', 'u1.k1', '--fact', 'tokens.settled', '--text', 'REQ_']
    const tail = await startTail(args, n => settled(`req_probe${n}`, Date.now()))
    await publisher.publish(settled('req_of_another', Date.now(), 'u2'))
    await publisher.publish(admitted('req_admitted', Date.now()))
    const wanted = settled('req_wanted', Date.now())
    await publisher.publish(wanted)
    // The same event again: the stream drops it, and so does the tail.
    await publisher.publish(wanted)
    await publisher.publish(settled('req_the_last', Date.now()))
    await eventually(() => tail.shown().length >= 2)
    assert.deepEqual(
      tail.shown().map(({ event, sequence }) => [event.data.request, sequence]),
      [
        ['req_wanted', null],
        ['req_the_last', null],
      ],
    )
    tail.child.kill('SIGINT')
    assert.deepEqual(await once(tail.child, 'exit'), [0, null])
    assert.equal(await tail.errors, '')
  })

  test('tail begins in the past, across streams in their order, and ends after so many', async () => {
    const since = new Date().toISOString()
    const requests = ['req_past_one', 'req_past_two']
    for (const request of requests) await publishRequest(request, Date.now())
    const past = await run(['tail', '--since', since, '--limit', '8', '--json'])
    assert.equal(past.code, 0)
    assert.deepEqual(
      past.json().map(({ event, sequence }) => [event.data.request, event.type.slice(9), typeof sequence]),
      requests.flatMap(request =>
        ['requests.admitted', 'tokens.progressed', 'tokens.settled', 'requests.completed'].map(type => [
          ...[request, type, 'number'],
        ]),
      ),
    )
  })

  test('tail goes on after the server was away, and shows what it has missed', async () => {
    const tail = await startTail(['--stream', 'tokens'], n => settled(`req_probe_away${n}`, Date.now()))
    await nats.stop()
    await eventually(() => !link.isConnected())
    await nats.start()
    const stored = publisher.publish(settled('req_after_the_restart', Date.now()))
    await stored
    await eventually(() => tail.shown().some(({ event }) => event.data.request === 'req_after_the_restart'))
    const times = tail.all.filter(({ event }) => event.data.request === 'req_after_the_restart').length
    assert.equal(times, 1)
    tail.child.kill('SIGTERM')
    assert.deepEqual(await once(tail.child, 'exit'), [0, null])
    assert.match(await tail.errors, /forensics: NATS disconnected.*\nforensics: NATS reconnected/)
  })

  test('tail tells of a message that it cannot read, and leaves it where it is', async () => {
    const tail = await startTail(['--stream', 'tokens'], n => settled(`req_probe_bad${n}`, Date.now()))
    const stolen = { type: 'fluxgate.tokens.stolen\u001b[2J' }
    link.connection.publish('fluxgate.tokens.00.settled.u1.k1', JSON.stringify(stolen))
    await publisher.publish(settled('req_after_the_bad', Date.now()))
    await eventually(() => tail.shown().length > 0)
    tail.child.kill('SIGINT')
    const errors = await tail.errors
    assert.match(errors, /cannot be read: unknown event type/)
    assert.ok(!errors.includes('\u001b'))
    assert.equal((await link.manager.streams.info('DEADLETTER')).state.messages, 0)
  })

  test('the process ends with the code of its command', async () => {
    const codes = [['show', 'TOKENS:1'], ['show', 'TOKENS:999999'], ['dance']].map(async args => {
      const child = start(args)
      child.stdout?.resume()
      child.stderr?.resume()
      return (await once(child, 'exit'))[0]
    })
    assert.deepEqual(await Promise.all(codes), [0, 1, 2])
  })

  test('a reader that has seen enough ends it without a word', async () => {
    const child = start(['tail', '--since', '1h', '--json'])
    await once(child.stdout!, 'data')
    child.stdout!.destroy()
    const errors = text(child.stderr!)
    const exited = once(child, 'exit')
    await eventually(async () => {
      await publisher.publish(settled(`req_pipe${++ids}`, Date.now()))
      return child.exitCode !== null
    })
    assert.deepEqual([await exited, await errors], [[0, null], ''])
  })

  test('wrong arguments and a log that is not there have exit codes and one line each', async () => {
    const wrong: Array<[string[], RegExp]> = [
      [[], /Usage: forensics <command>/],
      [['dance'], /dance is none of tail, show, trace/],
      [['tail', '--stream', 'rivers'], /--stream rivers is none of requests/],
      [['tail', '--stream', 'auth', '--fact', 'settled'], /none of auth\.registered/],
      [['tail', '--identity', 'a.b.c'], /neither <user> nor <user>\.<key>/],
      [['tail', '--since', 'yesterday'], /neither a span such as 5m/],
      [['tail', '--limit', 'all'], /not a number of events/],
      [['tail', '--nonsense'], /--nonsense/],
      [['tail', 'extra'], /extra/],
      [['show'], /an argument is missing/],
      [['show', 'a', 'b'], /too many arguments/],
      [['show', 'RIVERS:5'], /RIVERS is none of/],
      [['trace', 'a b'], /not a request id/],
    ]
    await Promise.all(
      wrong.map(async ([args, reason]) => {
        const { code, lines, errors } = await run(args)
        assert.deepEqual([code, lines], [2, []], args.join(' '))
        assert.match(errors, reason)
      }),
    )
    const away = await run(['show', 'TOKENS:1'], {
      NATS_URL: `nats://me:secret@127.0.0.1:${await freePort()}`,
    })
    assert.equal(away.code, 3)
    assert.match(away.errors, /^forensics: no NATS server answers at 127\.0\.0\.1:\d+\n$/)
  })

  test('help is for everybody, without a log', async () => {
    for (const args of [
      ['--help'],
      ['tail', '--help'],
      ['show', '-h'],
      ['trace', '--help'],
      ['help', 'trace'],
    ]) {
      const { code, lines, errors } = await run(args, {})
      assert.deepEqual([code, errors], [0, ''], args.join(' '))
      assert.match(lines[0] ?? '', /^Usage: forensics/)
    }
  })

  test('without NATS_URL the log is that of the system that runs here', async () => {
    const env = { FLUXGATE_DATA_DIR: directory }
    const none = await run(['show', 'TOKENS:1'], env)
    assert.equal(none.code, 2)
    assert.match(
      none.errors,
      /^forensics: .* NATS_URL is not set, and nothing runs with \S+ \(npm start\)\n$/,
    )
    const file = join(directory, 'connection.json')
    await writeFile(file, JSON.stringify({ natsUrl: nats.url }))
    assert.equal((await run(['show', 'TOKENS:1'], env)).code, 0)
    await writeFile(file, '{')
    const broken = await run(['show', 'TOKENS:1'], env)
    assert.equal(broken.code, 2)
    assert.match(broken.errors, /does not tell a natsUrl/)
  })

  test('a server that does not let us in is told, without the password', async () => {
    await using closed = await startNatsServer({ config: 'authorization { user: "a", password: "b" }' })
    const env = { NATS_URL: closed.url.replace('//', '//me:hunter2@'), FORENSICS_CONNECT_TIMEOUT: '500ms' }
    const { code, errors } = await run(['show', 'TOKENS:1'], env)
    assert.equal(code, 3)
    assert.match(errors, /forensics: NATS (refuses the connection|has not let us in)/)
    assert.ok(!errors.includes('hunter2'))
  })

  test('a server without the streams is told as such', async () => {
    await using empty = await startNatsServer()
    const { code, errors } = await run(['show', 'TOKENS:1'], { NATS_URL: empty.url })
    assert.equal(code, 3)
    assert.match(errors, /there is no stream TOKENS: has a gateway ever run on it\?/)
  })
})
