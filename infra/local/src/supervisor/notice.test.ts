import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { LogFile } from './log-file.ts'
import { noticeOf } from './notice.ts'

test('of a log only warnings and errors are for the terminal', () => {
  assert.equal(noticeOf('x', '{"level":30,"msg":"fine"}', false), undefined)
  assert.deepEqual(noticeOf('x', '{"level":60,"msg":"broken: why","err":{"message":"why"}}', false), {
    from: 'x',
    level: 'error',
    text: 'broken: why',
  })
  assert.equal(noticeOf('x', 'plain words', false), undefined)
  assert.equal(noticeOf('x', 'plain words', true)?.level, 'error')
  assert.equal(noticeOf('nats', '[7] 2026/01/01 00:00:00.000000 [INF] Server is ready', true), undefined)
  const plain = '[7] 2026/01/01 00:00:00.000000 [WRN] Plaintext passwords detected, use nkeys or bcrypt'
  assert.equal(noticeOf('nats', plain, true), undefined)
  assert.deepEqual(noticeOf('nats', '[7] 2026/01/01 00:00:00.000000 [WRN] disk is slow', true), {
    from: 'nats',
    level: 'warn',
    text: 'disk is slow',
  })
})

test('a log file that grew too large makes room once', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'fluxgate-log-')), 'deep', 'a.log')
  const log = new LogFile(path, 20)
  for (let i = 0; i < 5; i++) await log.append(`line ${i} of five`)
  await log.close()
  assert.equal(readFileSync(path, 'utf8'), 'line 4 of five\n')
  assert.equal(readFileSync(`${path}.1`, 'utf8'), 'line 2 of five\nline 3 of five\n')
  const again = new LogFile(path, 20)
  await again.append('more')
  await again.close()
  assert.equal(readFileSync(path, 'utf8'), 'line 4 of five\nmore\n')
})
