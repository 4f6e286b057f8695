import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { eventually } from '@fluxgate/testing'
import { chat } from './test/case.ts'
import { makePair, startEdge } from './test/env.ts'
import { callHeaders, FRAME, frame, openFrames, openHeaders, type RawSession, reset } from './test/frames.ts'
import { sendRaw } from './test/raw.ts'

const pair = makePair()

/** Writes the same kind of frames until the server hangs up, up to a number of bytes; returns the bytes written. */
async function flood(
  session: RawSession,
  next: (round: number) => Buffer,
  maxBytes: number,
): Promise<number> {
  let written = 0
  for (let round = 0; !session.closed && written < maxBytes; round++) {
    const bytes = next(round)
    written += bytes.length
    if (!session.socket.write(bytes)) {
      await Promise.race([
        new Promise(resolve => session.socket.once('drain', resolve)),
        new Promise(resolve => session.socket.once('close', resolve)),
        // A server that has stopped reading has stopped the flood too.
        new Promise(resolve => setTimeout(resolve, 1_000)),
      ])
    }
    await new Promise(resolve => setImmediate(resolve))
  }
  return written
}

const PER_ROUND = 50
const oneRound = (make: (i: number) => Buffer) => (round: number) =>
  Buffer.concat(Array.from({ length: PER_ROUND }, (_, i) => make(round * PER_ROUND + i)))

const floods: Array<[string, (index: number) => Buffer]> = [
  [
    'streams opened and reset (CVE-2023-44487)',
    i => Buffer.concat([callHeaders(2 * i + 1), reset(2 * i + 1)]),
  ],
  [
    'streams that a bad frame makes the server reset (CVE-2025-8671)',
    i => Buffer.concat([callHeaders(2 * i + 1), frame(FRAME.windowUpdate, 0, 2 * i + 1, Buffer.alloc(4))]),
  ],
  ['PING', () => frame(FRAME.ping, 0, 0, Buffer.alloc(8))],
  ['SETTINGS', () => frame(FRAME.settings, 0, 0, Buffer.from([0, 3, 0, 0, 0, 100]))],
  ['empty DATA', i => (i === 0 ? callHeaders(1) : frame(FRAME.data, 0, 1))],
  [
    'CONTINUATION without end (CVE-2024-27316)',
    i =>
      i === 0 ? openHeaders(1) : frame(FRAME.continuation, 0, 1, Buffer.from('\0\x03x-y\x03abc', 'latin1')),
  ],
  ['streams beyond the number that is allowed', i => callHeaders(2 * i + 1)],
]

describe('a flood of HTTP/2 frames ends its connection and no other', { timeout: 180_000 }, () => {
  for (const [name, make] of floods) {
    it(name, async () => {
      // The upstream does not answer, so that opened streams stay open.
      await using env = await startEdge({
        tls: await pair,
        upstream: () => {},
        limits: { requestTimeoutMs: 60_000 },
      })
      const session = await openFrames(env.port)
      const rssBefore = process.memoryUsage().rss
      const written = await flood(session, oneRound(make), 8 * 1_048_576)
      await eventually(() => assert.ok(session.closed, `${written} bytes taken`))
      assert.ok(written < 4 * 1_048_576, `${written} bytes taken`)
      await eventually(() => assert.equal(env.edge.sessions.size, 0))
      await eventually(() => assert.equal(env.env.running.size, 0))
      assert.ok(process.memoryUsage().rss - rssBefore < 150 * 1_048_576)
    })
  }

  it('a client that aborts now and then is not taken for one', async () => {
    await using env = await startEdge({ tls: await pair })
    const session = await openFrames(env.port)
    session.socket.write(oneRound(i => Buffer.concat([callHeaders(2 * i + 1), reset(2 * i + 1)]))(0))
    session.socket.write(frame(FRAME.ping, 0, 0, Buffer.alloc(8)))
    await new Promise(resolve => setTimeout(resolve, 300))
    assert.deepEqual([session.closed, session.goaway, env.edge.sessions.flooded], [false, undefined, 0])
    session.socket.destroy()
  })

  it('answers that wait for windows of zero are given up', async () => {
    await using env = await startEdge({ tls: await pair, limits: { writeStallMs: 500 } })
    // SETTINGS_INITIAL_WINDOW_SIZE 0: no byte of a body may be sent (CVE-2019-9517).
    const session = await openFrames(env.port, { settings: Buffer.from([0, 4, 0, 0, 0, 0]) })
    const body = (stream: number) => frame(FRAME.data, 1, stream, Buffer.from('{"model":"m"}'))
    for (let i = 0; i < 100; i++)
      session.socket.write(Buffer.concat([callHeaders(2 * i + 1), body(2 * i + 1)]))
    await eventually(() => assert.ok(env.edge.sessions.stalled >= 100))
    assert.equal((await sendRaw(env.port, chat(), { tls: true })).answers[0]?.status, 200)
    session.socket.destroy()
  })
})
