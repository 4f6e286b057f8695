import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { delimiter, dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { WITHOUT_LEASES } from '@fluxgate/testing'

const ROOT = join(import.meta.dirname, '../../../..')
const FILE_LIMIT_MS = 200_000
const OUTPUT_LIMIT_BYTES = 4 * 1024 * 1024
const SHOWN_CHARS = 6_000

/** What depends most on how a server stores, sends and counts; `npm test -- --nats all` names every file instead. */
const CORE_FILES = [
  'shared/nats/src/publisher.nats.test.ts',
  'shared/nats/src/follow.nats.test.ts',
  'shared/nats/src/batches.nats.test.ts',
  'shared/nats/src/bucket.nats.test.ts',
  'shared/nats/src/topology.nats.test.ts',
  'services/gateway/src/spool/spool.nats.test.ts',
]

/**
 * Runs test files on an older nats-server, each in a process of its own that finds this server first in PATH. Which
 * servers there are, by minor version, `npm test` says in `FLUXGATE_TEST_SERVERS`.
 */
export function testOn(version: string): void {
  const servers = JSON.parse(process.env.FLUXGATE_TEST_SERVERS ?? '{}') as Record<string, string>
  const server = servers[version]
  const files = process.env.FLUXGATE_TEST_MATRIX?.split(delimiter) ?? CORE_FILES
  const skip = server === undefined ? `npm test found no nats-server ${version}` : false
  // Beside each other: most of the time they wait.
  describe(`nats-server ${version}`, { skip, concurrency: 3 }, () => {
    const env = environment(server ?? '')
    it('is the server that tests find', async () => {
      const { output } = await run('nats-server', ['--version'], env)
      assert.ok(output.includes(`v${version}.`), output)
    })
    for (const file of files) {
      it(`passes ${file}`, async () => {
        const args = ['--disable-warning=ExperimentalWarning', '--test-reporter=spec', file]
        const { failed, output } = await run(process.execPath, args, env)
        if (failed) assert.fail(`${file} failed on nats-server ${version}:\n${output.slice(-SHOWN_CHARS)}`)
      })
    }
  })
}

function environment(server: string): NodeJS.ProcessEnv {
  // The runner of the file is one of its own, not this file's.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  // And the run's own nats-server is not the one to be tested.
  return { ...env, ...WITHOUT_LEASES, PATH: [dirname(server), env.PATH].join(delimiter) }
}

function run(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ failed: boolean; output: string }> {
  const options = {
    env,
    cwd: ROOT,
    timeout: FILE_LIMIT_MS,
    killSignal: 'SIGKILL',
    maxBuffer: OUTPUT_LIMIT_BYTES,
  } as const
  return new Promise(resolve => {
    execFile(command, args, options, (error, stdout, stderr) => {
      resolve({ failed: error !== null, output: `${stdout}${stderr}${error?.killed ? '\n(killed)' : ''}` })
    })
  })
}
