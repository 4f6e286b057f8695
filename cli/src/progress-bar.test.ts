import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openProgress } from './progress-bar.timer.ts'

/** What the bar has written after work that took a moment. */
async function drawn(isTerminal: boolean): Promise<string> {
  const errors = new PassThrough()
  {
    using progress = openProgress(errors, isTerminal, 'reading')
    progress.at(1, 10)
    await sleep(150)
    progress.at(5, 10)
  }
  errors.end()
  return (await errors.toArray()).join('')
}

test('a bar is drawn over itself on a terminal, and is gone when the work is done', async () => {
  const erase = '\r\u001b[K'
  assert.equal(await drawn(true), `${erase}reading ${'█'.repeat(15)}${'░'.repeat(15)}  50 %  5${erase}`)
})

test('elsewhere short work says nothing', async () => {
  assert.equal(await drawn(false), '')
})
