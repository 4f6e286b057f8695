import { execFile } from 'node:child_process'
import { access } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '@fluxgate/testing'
import { type Process, startProcess } from './process.ts'
import type { Subject } from './unary.ts'

const run = promisify(execFile)

const VERSION = '1.15.2'
const INSTALL_LIMIT_MS = 300_000

/** The program's file, from a folder of its own that no dependency of ours is in, or why there is none. */
export async function installPortkey(): Promise<{ readonly main: string } | { readonly missing: string }> {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache')
  const folder = join(cache, 'fluxgate-bench', `portkey-${VERSION}`)
  const main = join(folder, 'node_modules/@portkey-ai/gateway/build/start-server.js')
  try {
    await access(main)
    return { main }
  } catch {}
  const name = `@portkey-ai/gateway@${VERSION}`
  const args = ['install', '--prefix', folder, '--no-audit', '--no-fund', '--ignore-scripts', name]
  try {
    await run('npm', args, { timeout: INSTALL_LIMIT_MS })
    return { main }
  } catch (error) {
    return { missing: `${name} could not be installed: ${String(error).split('\n')[0]}` }
  }
}

/** Portkey's gateway as a process, passing on to this model server. */
export async function startPortkey(main: string, upstream: string): Promise<Subject & { process: Process }> {
  const port = await freePort()
  const args = [main, `--port=${port}`, '--headless']
  const child = await startProcess(process.execPath, args, port, { NODE_ENV: 'production' })
  return {
    name: `@portkey-ai/gateway ${VERSION}`,
    url: `http://127.0.0.1:${port}/v1/chat/completions`,
    headers: {
      'content-type': 'application/json',
      authorization: 'Bearer none',
      'x-portkey-provider': 'openai',
      'x-portkey-custom-host': `${upstream}/v1`,
    },
    process: child,
  }
}
