import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { eventually, startNatsServer } from './index.ts'

test('a server keeps its port and store over SIGKILL, and leaves nothing behind', async () => {
  const server = await startNatsServer({ maxFileBytes: 1_000_000, config: 'max_payload: 4321' })
  const first = server.pid
  const info = await serverInfo(server.port)
  assert.equal(info.jetstream, true)
  assert.equal(info.max_payload, 4321)
  await server.stop('SIGKILL')
  await assert.rejects(serverInfo(server.port))
  await server.start()
  assert.notEqual(server.pid, first)
  assert.equal((await serverInfo(server.port)).port, server.port)
  assert.equal(isAlive(server.pid), true)

  await server[Symbol.asyncDispose]()
  assert.equal(isAlive(server.pid), false)
  assert.equal(existsSync(dirname(server.storeDir)), false)
})

test('a wrong configuration fails with the words of the server', async () => {
  await assert.rejects(startNatsServer({ config: 'no_such_setting: 1' }), /no_such_setting/)
})

test('when the test process is killed, its server and directory go', async () => {
  const script = `
    import { startNatsServer } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)}
    const server = await startNatsServer()
    console.log(JSON.stringify({ pid: server.pid, storeDir: server.storeDir }))
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [line] = await once(child.stdout, 'data')
  const { pid, storeDir } = JSON.parse(String(line)) as { pid: number; storeDir: string }
  assert.equal(isAlive(pid), true)
  child.kill('SIGKILL')
  await eventually(() => !isAlive(pid) && !existsSync(dirname(storeDir)))
})

async function serverInfo(port: number): Promise<Record<string, unknown>> {
  const socket = connect(port, '127.0.0.1')
  try {
    const [data] = await once(socket, 'data')
    return JSON.parse(String(data).replace(/^INFO /, ''))
  } finally {
    socket.destroy()
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
