import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePort } from '@fluxgate/testing'

test('the process of PGlite ends in order when it is asked to', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'fluxgate-pglite-main-'))
  const main = fileURLToPath(new URL('./databases-main.ts', import.meta.url))
  try {
    for (const end of ['SIGTERM', 'SIGINT', 'disconnect'] as const) {
      const args = [main, dataDir, String(await freePort())]
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
      const errors = text(child.stderr!)
      await once(child, 'message')
      if (end === 'disconnect') child.disconnect()
      else child.kill(end)
      assert.deepEqual([...(await once(child, 'exit')), await errors], [0, null, ''], end)
    }
  } finally {
    await rm(dataDir, { recursive: true })
  }
})
