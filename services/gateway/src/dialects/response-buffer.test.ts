import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SharedRoom } from '@fluxgate/contracts'
import { openai } from './openai.ts'
import { ResponseBuffer } from './response-buffer.ts'
import { StripBuffer } from './strip-buffer.ts'
import { tapOf } from './test-taps.ts'

const KIB = 1024

describe('what is held of answers', () => {
  it('to be counted is given up beyond the bound of one answer, and of all together', () => {
    const room = new SharedRoom(150 * KIB)
    const answers = Array.from({ length: 3 }, () => new ResponseBuffer({ room, maxCountedBytes: 100 * KIB }))
    for (const answer of answers) answer.keep(Buffer.alloc(60 * KIB))
    assert.deepEqual(
      answers.map(answer => answer.whole()?.length),
      [60 * KIB, 60 * KIB, undefined],
    )
    answers[0]!.keep(Buffer.alloc(41 * KIB))
    assert.equal(answers[0]!.whole(), undefined)
    assert.equal(room.bytes, 60 * KIB)
    for (const answer of answers) answer.release()
    assert.equal(room.bytes, 0)
  })

  it('to take an event out is passed on when the event is longer than 64 KiB or there is no room', () => {
    for (const [roomBytes, buffered] of [
      [1024 * KIB, 64 * KIB],
      [10 * KIB, 10 * KIB],
    ] as const) {
      const room = new SharedRoom(roomBytes)
      const buffer = new StripBuffer(room)
      assert.equal(buffer.write(Buffer.alloc(buffered), 0).length, 0)
      assert.equal(room.bytes, buffered)
      assert.equal(buffer.write(Buffer.alloc(1), 0).length, buffered + 1)
      assert.equal(room.bytes, 0)
    }
  })

  it('of a document is 64 KiB: the short members of a longer one are read as it passes', () => {
    const room = new SharedRoom(1024 * KIB)
    const tap = tapOf(openai, 'application/json', { room })
    const long = JSON.stringify({
      choices: [{ text: 'x'.repeat(500 * KIB) }],
      usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 },
    })
    let most = 0
    for (let at = 0; at < long.length; at += 16 * KIB) {
      tap.write(Buffer.from(long.slice(at, at + 16 * KIB)))
      most = Math.max(most, room.bytes)
    }
    tap.end()
    assert.ok(most > 0 && most <= 64 * KIB, `${most}`)
    assert.equal(room.bytes, 0)
    assert.equal(tap.usage?.counts.output, 4)
  })
})
