import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { compileTools, type NativeTools } from './tools.ts'

const hasCompiler = spawnSync('gcc', ['--version']).status === 0
const LOAD = { authorization: 'none', body: '{}', perSecond: 200, seconds: 1 }
const HEAD = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nkeep-alive: timeout=60\r\n\r\n'
const BODY = '2\r\nhi\r\n0\r\n\r\n'

async function startServer(answer: (socket: Socket) => void) {
  const server = createServer(socket => socket.on('error', () => {}).on('data', () => answer(socket)))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { port, [Symbol.dispose]: () => server.close() }
}

describe('the open-loop load generator', { skip: !hasCompiler && 'needs gcc' }, () => {
  let directory: string
  let tools: NativeTools
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'fluxgate-open-loop-'))
    tools = await compileTools(directory)
  })
  after(() => rmSync(directory, { recursive: true, force: true }))

  it('waits for the body of an answer whose head ends like a last chunk', async () => {
    using server = await startServer(socket => {
      socket.write(HEAD)
      setTimeout(() => socket.write(BODY), 2)
    })
    const seen = await tools.openLoop({ ...LOAD, port: server.port })
    assert.deepEqual([seen.requests, seen.errors], [200, 0])
  })

  it('counts an answer that was not asked for as an error, and goes on', async () => {
    using server = await startServer(socket => {
      socket.write(HEAD + BODY)
      setTimeout(() => socket.write(HEAD + BODY), 1)
    })
    const seen = await tools.openLoop({ ...LOAD, port: server.port })
    assert.ok(seen.errors > 0)
    assert.ok(seen.requests > 0)
  })

  it('is compiled without warnings', () => {
    const source = join(import.meta.dirname, 'open-loop.c')
    const flags = ['-Wall', '-Wextra', '-Werror', '-O2', '-o', join(directory, 'checked')]
    assert.equal(String(execFileSync('gcc', [...flags, source])), '')
  })
})
