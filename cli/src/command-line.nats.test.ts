import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { eventually, freePort, startNatsServer, testNats } from '@fluxgate/testing'
import { settled, startTestCli, type TestEnv } from './test-cli.ts'

describe('the command line', () => {
  let testCli: TestEnv
  before(async () => {
    testCli = await startTestCli()
    await testCli.publish([settled('req_the_first', Date.now())])
  })
  after(() => testCli[Symbol.asyncDispose]())

  test('the process ends with the code of its command', async () => {
    const codes = [['show', 'TOKENS:1'], ['show', 'TOKENS:999999'], ['dance']].map(async args => {
      const child = testCli.start(args)
      child.stdout?.resume()
      child.stderr?.resume()
      return (await once(child, 'exit'))[0]
    })
    assert.deepEqual(await Promise.all(codes), [0, 1, 2])
  })

  test('a reader that has seen enough ends it without a word', async () => {
    let pipes = 0
    const child = testCli.start(['tail', '--since', '1h', '--json'])
    await once(child.stdout!, 'data')
    child.stdout!.destroy()
    const errors = text(child.stderr!)
    const exited = once(child, 'exit')
    await eventually(async () => {
      await testCli.publisher.publish(settled(`req_pipe${++pipes}`, Date.now()))
      return child.exitCode !== null
    })
    assert.deepEqual([await exited, await errors], [[0, null], ''])
  })

  test('colours are for a terminal alone, and NO_COLOR turns them off', async t => {
    const isThere = spawnSync('script', ['--version']).stdout?.includes('util-linux') === true
    if (!isThere) return t.skip('there is no script(1) that makes a terminal')
    const command = [...testCli.command, 'show', 'TOKENS:1'].join(' ')
    const env = { PATH: process.env.PATH, TERM: 'xterm', NATS_URL: testCli.nats.url }
    const inTerminal = (more: object) =>
      text(spawn('script', ['-qec', command, '/dev/null'], { env: { ...env, ...more } }).stdout)
    const piped = text(testCli.start(['show', 'TOKENS:1']).stdout!)
    const shown = await Promise.all([inTerminal({}), inTerminal({ NO_COLOR: '1' }), piped])
    for (const each of shown) assert.match(each, /req_the_first/)
    assert.deepEqual(
      shown.map(each => each.includes('\u001b[')),
      [true, false, false],
    )
  })

  test('wrong arguments and a log that is not there have exit codes and one line each', async () => {
    const wrong: Array<[string[], RegExp]> = [
      [[], /Usage: forensics <command>/],
      [['dance'], /dance is none of tail, grep, show, trace/],
      [['tail', '--stream', 'rivers'], /--stream rivers is none of requests/],
      [['tail', '--stream', 'auth', '--event', 'settled'], /none of auth\.registered/],
      [['tail', '--identity', 'a.b.c'], /neither <user> nor <user>\.<key>/],
      [['tail', '--since', 'yesterday'], /neither a span such as 5m/],
      [['tail', '--limit', 'all'], /not a number of events/],
      [['tail', '--nonsense'], /--nonsense/],
      [['tail', 'extra'], /extra/],
      [['show'], /an argument is missing/],
      [['show', 'a', 'b'], /too many arguments/],
      [['show', 'RIVERS:5'], /RIVERS is none of/],
      [['trace', 'a b'], /not a request id/],
      [['grep'], /an argument is missing/],
      [['grep', '-E', '('], /Invalid regular expression/],
      [['grep', 'x', '--from', '1h', '--to', '2h'], /--from 1h is after --to 2h/],
      [['timeline', 'a.b.c'], /a\.b\.c is neither <user>/],
      [['at'], /an argument is missing/],
      [['at', 'noon'], /noon is neither a span/],
      [['verify', '--silence', 'long'], /--silence long is not a span/],
      [['verify', '--hash', 'x'], /--hash is that of a --file/],
      [['verify', '--file', 'no-such-file'], /no-such-file: no such file/],
      [['whatif'], /--policy is missing/],
      [['whatif', '--policy', 'no-such-file'], /no such file/],
      [['reprice'], /--prices is missing/],
      [['import'], /an argument is missing/],
      [['import', '-'], /has to be a file/],
      [['rebuild'], /DATABASE_URL is not set/],
    ]
    await Promise.all(
      wrong.map(async ([args, reason]) => {
        const { code, lines, errors } = await testCli.run(args)
        assert.deepEqual([code, lines], [2, []], args.join(' '))
        assert.match(errors, reason)
      }),
    )
    const away = await testCli.run(['show', 'TOKENS:1'], {
      NATS_URL: `nats://me:secret@127.0.0.1:${await freePort()}`,
    })
    assert.equal(away.code, 3)
    assert.match(away.errors, /^forensics: no NATS server answers at 127\.0\.0\.1:\d+\n$/)
  })

  test('Ctrl-C ends long work, and the exit code says so', async () => {
    const policy = join(testCli.directory, 'policy.json')
    const penalty = { capacity: 1, refillRate: 1, durationMs: 60_000 }
    const rules = { contextFlood: { enabled: true, windowMs: 2_000, thresholdTokens: 300 } }
    await writeFile(policy, JSON.stringify({ rules, penalty, graceMs: 0 }))
    for (const args of [
      ['verify'],
      ['grep', 'x'],
      ['at', '0s'],
      ['export'],
      ['timeline', 'u1'],
      ['whatif', '--policy', policy],
    ]) {
      const { code } = await testCli.run(args, undefined, AbortSignal.abort())
      assert.equal(code, 130, args.join(' '))
    }
  })

  test('help is for everybody, without a log', async () => {
    const commands = 'tail grep show trace timeline at verify whatif reprice export import rebuild'.split(' ')
    for (const args of [
      ['--help'],
      ['show', '-h'],
      ['help', 'trace'],
      ...commands.map(name => [name, '--help']),
    ]) {
      const { code, lines, errors } = await testCli.run(args, {})
      assert.deepEqual([code, errors], [0, ''], args.join(' '))
      assert.match(lines[0] ?? '', /^Usage: forensics/)
      assert.ok(
        lines.some(line => line.includes('--json')),
        args.join(' '),
      )
    }
  })

  test('without NATS_URL the log is that of the system that runs here', async () => {
    const env = { FLUXGATE_DATA_DIR: testCli.directory }
    const none = await testCli.run(['show', 'TOKENS:1'], env)
    assert.equal(none.code, 2)
    assert.match(
      none.errors,
      /^forensics: .* NATS_URL is not set, and nothing runs with \S+ \(npm start\)\n$/,
    )
    const file = join(testCli.directory, 'connection.json')
    await writeFile(file, JSON.stringify({ natsUrl: testCli.nats.url }))
    assert.equal((await testCli.run(['show', 'TOKENS:1'], env)).code, 0)
    await writeFile(file, '{')
    const broken = await testCli.run(['show', 'TOKENS:1'], env)
    assert.equal(broken.code, 2)
    assert.match(broken.errors, /does not tell a natsUrl/)
  })

  test('a server that refuses the login is named, without the password', async () => {
    await using closed = await startNatsServer({ config: 'authorization { user: "a", password: "b" }' })
    const env = { NATS_URL: closed.url.replace('//', '//me:hunter2@'), FORENSICS_CONNECT_TIMEOUT: '500ms' }
    const { code, errors } = await testCli.run(['show', 'TOKENS:1'], env)
    assert.equal(code, 3)
    assert.match(errors, /forensics: NATS (refuses the connection|has not let us in)/)
    assert.ok(!errors.includes('hunter2'))
  })

  test('a server without the streams is reported as such', async () => {
    await using empty = await testNats()
    const { code, errors } = await testCli.run(['show', 'TOKENS:1'], { NATS_URL: empty.url })
    assert.equal(code, 3)
    assert.match(errors, /there is no stream TOKENS: has a gateway ever run on it\?/)
  })
})
