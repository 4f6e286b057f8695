import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

const directories: string[] = []
after(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
})

/** A tree with the bootstrap in it, and an npm that notes what it is asked and is slow about it. */
function scene(npmEnd = 'exit 0') {
  const root = mkdtempSync(join(tmpdir(), 'fluxgate-bootstrap-'))
  directories.push(root)
  cpSync(join(import.meta.dirname, 'bootstrap'), join(root, 'infra/local/bootstrap'), { recursive: true })
  cpSync(join(import.meta.dirname, 'bootstrap.mjs'), join(root, 'infra/local/bootstrap.mjs'))
  writeFileSync(join(root, 'package-lock.json'), '{"packages":{"":{},"node_modules/a":{"version":"1.0.0"}}}')
  const bin = join(root, 'bin')
  mkdirSync(bin)
  const lines = [
    '#!/bin/sh',
    `echo "$@" >> '${root}/asked'`,
    'sleep 0.3',
    `mkdir -p '${root}/node_modules'`,
    npmEnd,
  ]
  writeFileSync(join(bin, 'npm'), lines.join('\n'))
  chmodSync(join(bin, 'npm'), 0o755)
  const env = { PATH: `${bin}:${dirname(process.execPath)}:/usr/bin:/bin` }
  const install = () =>
    run(
      [
        '--input-type=module',
        '-e',
        `
    import { install } from ${JSON.stringify(join(root, 'infra/local/bootstrap/install.mjs'))}
    await install().catch(error => { console.log(error.message); process.exitCode = 1 })`,
      ],
      env,
    )
  const bootstrap = (...args: string[]) => run([join(root, 'infra/local/bootstrap.mjs'), ...args], env)
  const asked = () => (existsSync(join(root, 'asked')) ? readFileSync(join(root, 'asked'), 'utf8') : '')
  return { root, install, bootstrap, asked }
}

function run(
  args: readonly string[],
  env: Record<string, string>,
): Promise<{ code: number; output: string }> {
  return new Promise(resolve => {
    execFile(process.execPath, args, { env }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, output: stdout + stderr }),
    )
  })
}

test('two at once install once, and again only when the lockfile changes', async () => {
  const { root, install, asked } = scene()
  const both = await Promise.all([install(), install()])
  assert.deepEqual(
    both.map(({ code }) => code),
    [0, 0],
  )
  assert.equal(asked(), 'ci --no-audit --no-fund\n')
  assert.deepEqual(both.map(({ output }) => output.split('\n')[0]).sort(), [
    'Another process installs the packages; waiting for it.',
    'Installing packages (npm ci); the first time takes a minute.',
  ])
  assert.equal((await install()).output, '')
  writeFileSync(join(root, 'package-lock.json'), '{"packages":{"":{},"node_modules/a":{"version":"1.0.1"}}}')
  await install()
  assert.equal(asked().split('\n').length, 3)
})

test('what somebody installed by hand from this lockfile is taken as it is', async () => {
  const { root, install, asked } = scene()
  mkdirSync(join(root, 'node_modules'))
  writeFileSync(
    join(root, 'node_modules/.package-lock.json'),
    '{"packages":{"node_modules/a":{"version":"1.0.0"}}}',
  )
  await install()
  assert.equal(asked(), '')
})

test('a failing npm is quoted, and leaves neither a lock nor the belief that all is well', async () => {
  const { root, install, asked } = scene('echo "npm error E404"; exit 7')
  const { code, output } = await install()
  assert.equal(code, 1)
  assert.match(output, /npm error E404\n\nnpm ci failed with status 7\./)
  assert.equal(existsSync(join(root, '.fluxgate/install.lock')), false)
  await install()
  assert.equal(asked().split('\n').length, 3)
})

test('the lock of a process that died is passed over', async () => {
  const { root, install } = scene()
  mkdirSync(join(root, '.fluxgate/install.lock'), { recursive: true })
  writeFileSync(join(root, '.fluxgate/install.lock/pid'), '4194304')
  assert.equal((await install()).code, 0)
})

test('an unknown command is answered with the known ones', async () => {
  const { bootstrap } = scene()
  assert.deepEqual(await bootstrap('dance'), {
    code: 1,
    output: 'usage: bootstrap.mjs start|dev|test|unit|gateway|forensics|bench|chaos|fluxgate [arguments]\n',
  })
})

interface Request {
  readonly files: string[]
  readonly args: string[]
  readonly env: Record<string, string>
  readonly nats?: string
  readonly isWhole: boolean
  readonly needsOlderServers: boolean
}

const { testRequest, unitRequest } = (await import(
  new URL('./bootstrap/tests.mjs', import.meta.url).href
)) as Record<'testRequest' | 'unitRequest', (args: readonly string[]) => Request>

test('arguments choose test files by a part of their path, and flags reach the runner', () => {
  const chosen = testRequest(['./infra/local/bootstrap', '--test-name-pattern=lock'])
  assert.ok(chosen.args.includes('--test-name-pattern=lock'))
  assert.deepEqual(chosen.args.filter(arg => arg.endsWith('.test.ts')).toSorted(), chosen.files.toSorted())
  assert.ok(chosen.files.includes('infra/local/bootstrap.test.ts') && !chosen.isWhole)
  const { files, isWhole } = testRequest([])
  assert.ok(isWhole && files.includes('infra/architecture.test.ts'))
  assert.ok(files.every(file => !file.includes('node_modules')))
  assert.throws(() => testRequest(['no/such']), /no test file matches no\/such/)
})

test('a whole run has each file once, alone or in a bundle, and begins with the longest', () => {
  const { files, args } = testRequest([])
  const paths = args.filter(arg => /\.test\.(ts|mjs)$/.test(arg))
  const taken = paths.flatMap(path =>
    path.endsWith('.mjs')
      ? [...readFileSync(path, 'utf8').matchAll(/require\("(.+)"\)|^import "(file:.+)"/gm)].map(
          ([, required, imported]) => required ?? fileURLToPath(imported!),
        )
      : [join(ROOT, path)],
  )
  assert.deepEqual(taken.toSorted(), files.map(file => join(ROOT, file)).toSorted())
  const at = (part: string) => paths.findIndex(path => path.includes(part))
  assert.ok(
    at('loop.e2e.test.ts') < at('/test-bundles/') && at('/test-bundles/') < at('processes.nats.pg.test.ts'),
  )
})

test('--nats chooses one server for the run, and all adds every older one', () => {
  const one = testRequest(['--nats', '2.10', 'shared/nats'])
  assert.deepEqual([one.nats, one.needsOlderServers, one.env], ['2.10', false, {}])
  assert.ok(one.files.every(file => file.startsWith('shared/nats')))
  const all = testRequest(['services/gateway/src/spool', '--nats=all'])
  assert.deepEqual([all.nats, all.needsOlderServers], [undefined, true])
  assert.ok(
    all.env.FLUXGATE_TEST_MATRIX?.split(':').includes('services/gateway/src/spool/spool.nats.test.ts'),
  )
  assert.equal(all.files.filter(file => file.startsWith('infra/nats/src/versions/')).length, 2)
  assert.equal(testRequest([]).needsOlderServers, true)
  assert.throws(() => testRequest(['--nats']), /--nats asks for all, newest/)
})

test('unit takes the tests that need no server, and fails when none is chosen', () => {
  const { files } = unitRequest([])
  assert.ok(files.some(file => file.startsWith('shared/guard-core/')) && files.length > 50)
  assert.ok(!files.includes('infra/local/bootstrap.test.ts'), 'starts processes')
  assert.deepEqual(unitRequest(['infra/local/bootstrap.test']).files, ['infra/local/bootstrap.test.ts'])
  assert.deepEqual(
    files.filter(file => /\.(nats|pg|browser|e2e)\./.test(file)),
    [],
  )
  assert.throws(() => unitRequest(['infra/e2e']), /no test file without servers/)
})
