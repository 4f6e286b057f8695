import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ARCHIVE_FORMAT, type ArchivedMessage, ArchiveWriter, messageIn } from './archive.ts'
import { ArchiveCheck } from './archive-check.ts'
import { CHAIN_START, sealed, unsealed } from './hash-chain.ts'

function message(n: number, text = `{"id":"event-${n}","text":"a,\\"event\\":b ü"}`): ArchivedMessage {
  const data = Buffer.from(text)
  return {
    stream: 'TOKENS',
    sequence: n,
    storedAtMs: n,
    subject: 'fluxgate.tokens.00.settled.u.k',
    id: `event-${n}`,
    data,
  }
}

function archiveOf(count: number): { lines: string[]; hash: string } {
  const writer = new ArchiveWriter()
  const lines = [writer.header({ format: ARCHIVE_FORMAT, from: null, to: null, streams: {} })]
  for (let n = 1; n <= count; n++) lines.push(writer.message(message(n)))
  lines.push(writer.trailer())
  return { lines, hash: writer.hash }
}

function check(lines: readonly string[], expected?: string) {
  const archive = new ArchiveCheck(expected)
  for (const line of lines) archive.add(line)
  return archive.finish()
}

const faults = (lines: readonly string[], expected?: string) =>
  check(lines, expected).findings.map(({ fault, line }) => [fault, line])

describe('an archive', () => {
  const { lines, hash } = archiveOf(6)
  const swapped = (a: number, b: number) => {
    const copy = [...lines]
    ;[copy[a], copy[b]] = [copy[b]!, copy[a]!]
    return copy
  }

  test('holds as it was written, and of no messages at all', () => {
    assert.deepEqual(check(lines, hash), { holds: true, messages: 6, hash, findings: [] })
    assert.ok(check(archiveOf(0).lines).holds)
  })

  test('gives back the bytes as they were, also where they are no JSON on one line', () => {
    for (const text of [
      '{"a":1}',
      '{ "a" : "\\u00fc" }',
      '{"a":\n1}',
      'not JSON',
      '',
      '"\\",\\"event\\":"',
    ]) {
      const line = new ArchiveWriter().message(message(1, text))
      const found = messageIn(unsealed(line)!.body)
      assert.deepEqual(
        [Buffer.from(found!.data).toString(), found?.id, found?.sequence],
        [text, 'event-1', 1],
      )
    }
  })

  test('is checked by what any tool can do: SHA-256 over the hash before and the line without its own', () => {
    let before = CHAIN_START
    for (const line of lines) {
      const { body } = unsealed(line)!
      const again = sealed(body, before)
      assert.equal(again.line, line)
      before = again.hash
    }
    assert.equal(before, hash)
  })

  test('names the line that was changed', () => {
    for (let at = 0; at < lines.length; at++) {
      const changed = lines.with(
        at,
        lines[at]!.replace(/"event-|"streams"|"count"/, found => `${found.slice(0, -1)}X`),
      )
      assert.notDeepEqual(changed, lines)
      const told = check(changed)
      assert.equal(told.holds, false)
      assert.ok(
        told.findings.some(({ line }) => line === at + 1),
        `line ${at + 1}`,
      )
    }
    assert.deepEqual(faults(lines.with(3, lines[3]!.replace('event-3', 'event-4'))), [['changed', 4]])
    // With its own hash made anew, the next line does not follow any more.
    const [{ body }, before] = [unsealed(lines[3]!)!, unsealed(lines[2]!)!.hash]
    const forged = sealed(body.replace('event-3', 'event-9'), before).line
    assert.deepEqual(faults(lines.with(3, forged)), [['changed', 5]])
  })

  test('names what was removed, inserted and moved', () => {
    assert.deepEqual(faults(lines.toSpliced(3, 1)), [['removed', 4]])
    assert.match(
      check(lines.toSpliced(3, 2)).findings[0]!.detail,
      /messages 3 to 4 are missing before line 4/,
    )
    assert.deepEqual(faults(lines.toSpliced(6, 1)), [['removed', 7]])
    assert.deepEqual(faults(lines.toSpliced(3, 0, lines[2]!)), [['inserted', 4]])
    const forged = sealed(unsealed(lines[3]!)!.body.replace('event-3', 'event-9'), CHAIN_START).line
    assert.deepEqual(faults(lines.toSpliced(3, 0, forged)), [['inserted', 4]])
    assert.deepEqual(faults(swapped(2, 3)), [['reordered', 4]])
    assert.deepEqual(faults(swapped(2, 5)), [
      ['reordered', 4],
      ['reordered', 5],
      ['reordered', 6],
    ])
  })

  test('names a file that was cut off, goes on after its end, or is another', () => {
    for (let kept = 1; kept < lines.length; kept++) {
      assert.deepEqual(faults(lines.slice(0, kept)), [['truncated', kept]])
    }
    assert.deepEqual(faults([...lines.slice(0, 4), lines[4]!.slice(0, 40)]), [
      ['changed', 5],
      ['truncated', 5],
    ])
    assert.deepEqual(faults([...lines, lines[3]!]), [['after_the_end', 9]])
    assert.deepEqual(faults([]), [['truncated', 0]])
    assert.equal(faults(lines.slice(1))[0]?.[0], 'not_an_archive')
    assert.equal(faults(['{"some":"JSON"}'])[0]?.[0], 'not_an_archive')
    assert.deepEqual(faults(archiveOf(5).lines, hash), [['other_hash', 7]])
  })

  test('gives up on a file of which nothing is right', () => {
    const archive = new ArchiveCheck()
    for (let n = 0; n < 5_000; n++) archive.add('x')
    assert.ok(archive.hopeless)
    assert.equal(archive.finish().findings.length, 1_000)
  })
})
