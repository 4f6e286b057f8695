import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'

const directories: string[] = []
after(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
})

const OS_RELEASE = 'ID=debian\nVERSION_CODENAME=bookworm\n'
const KEY = '/usr/share/keyrings/debian-archive-keyring.gpg'
const DEB822 = `# comment
Types: deb
URIs: http://security.mirror.example/debian-security
Suites: bookworm-security
Components: main

Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: ${KEY}
`

/** A tree with the bootstrap, a system with this nats-server, and an apt that has 2.15.1. */
function scene({ system, apt = ':', sources = DEB822 }: { system: string; apt?: string; sources?: string }) {
  const root = mkdtempSync(join(tmpdir(), 'fluxgate-nats-bootstrap-'))
  directories.push(root)
  cpSync(join(import.meta.dirname, 'bootstrap'), join(root, 'infra/local/bootstrap'), { recursive: true })
  const bin = join(root, 'bin')
  for (const folder of [bin, join(root, 'etc/apt/sources.list.d')]) mkdirSync(folder, { recursive: true })
  writeFileSync(join(root, 'etc/os-release'), OS_RELEASE)
  writeFileSync(join(root, 'etc/apt/sources.list.d/debian.sources'), sources)
  const program = (name: string, ...lines: string[]) => {
    writeFileSync(join(bin, name), ['#!/bin/sh', ...lines].join('\n'))
    chmodSync(join(bin, name), 0o755)
  }
  program('nats-server', `echo 'nats-server: v${system}'`)
  program(
    'apt-get',
    `echo "$@" >> '${root}/asked'`,
    `for arg; do case "$arg" in Dir::Etc::sourcelist=*) cat "\${arg#*=}" >> '${root}/sources';; esac; done`,
    apt,
    'for last; do :; done',
    'if [ "$last" = nats-server ]; then touch nats-server_1.deb; fi',
  )
  program(
    'dpkg-deb',
    'mkdir -p "$3/usr/sbin"',
    'printf "#!/bin/sh\\necho nats-server: v2.15.1\\n" > "$3/usr/sbin/nats-server"',
    'chmod 755 "$3/usr/sbin/nats-server"',
  )
  const script = `
    import { useNatsServer } from ${JSON.stringify(join(root, 'infra/local/bootstrap/nats-server.mjs'))}
    const { version } = await useNatsServer({ etc: ${JSON.stringify(join(root, 'etc'))} })
    console.log('uses', version, process.env.PATH.split(':')[0])`
  const read = (name: string) => (existsSync(join(root, name)) ? readFileSync(join(root, name), 'utf8') : '')
  return {
    cache: join(root, '.cache/nats-server'),
    read,
    use: (env: Record<string, string> = {}) =>
      new Promise<string>(resolve => {
        const path = `${bin}:${dirname(process.execPath)}:/usr/bin:/bin`
        execFile(
          process.execPath,
          ['--input-type=module', '-e', script],
          { env: { PATH: path, ...env } },
          (_error, stdout, stderr) => resolve(stdout + stderr),
        )
      }),
  }
}

test('nats-server is fetched once from the mirror of the system when that has an older one', async () => {
  const { use, read, cache } = scene({ system: '2.9.10' })
  const first = await use()
  assert.match(
    first,
    /^Fetching a nats-server from Debian's suite sid into \.cache\/; once\.\nnats-server 2\.15\.1 \(/,
  )
  assert.ok(first.endsWith(`uses 2.15.1 ${cache}/2.15.1\n`), first)
  assert.equal(read('sources').split('\n')[0], `deb [signed-by=${KEY}] http://mirror.example/debian sid main`)
  const asked = read('asked')
  assert.equal(asked.trim().split('\n').length, 2)
  assert.doesNotMatch(asked, /(allow|AllowInsecure|AllowUnauthenticated|install )/i)
  assert.deepEqual(readdirSync(cache), ['2.15.1'])
  assert.doesNotMatch(await use(), /Fetching|Warning/)
  assert.equal(read('asked'), asked)
})

test('nats-server of the system is used with a warning when a newer one cannot be had', async () => {
  const { use, cache } = scene({
    system: '2.9.10',
    apt: 'echo "E: Unable to fetch some index files"; exit 100',
  })
  const output = await use()
  assert.match(
    output,
    /A newer nats-server could not be had: Unable to fetch some index files\.\nnats-server 2\.9\.10/,
  )
  assert.match(
    output,
    /Warning: 2\.9\.10 gets no corrections any more; the least supported version of nats-server is 2\.12/,
  )
  assert.match(output, /uses 2\.9\.10/)
  assert.deepEqual(readdirSync(cache), [])
})

test('nats-server of the system is used without asking for another when it is new enough or wanted', async () => {
  const newer = scene({ system: '2.12.3' })
  assert.match(await newer.use(), /^nats-server 2\.12\.3 \(.*\)\.\nuses 2\.12\.3/)
  const older = scene({ system: '2.9.10' })
  assert.match(await older.use({ FLUXGATE_NATS_SERVER: 'system' }), /uses 2\.9\.10/)
  assert.match(
    await older.use({ FLUXGATE_NATS_SERVER: '/no/such/server' }),
    /is no nats-server that runs here/,
  )
  assert.deepEqual([newer.read('asked'), older.read('asked')], ['', ''])
})

test('Debian mirror is read from one-line and deb822 files, and from no other system', async () => {
  const { systemMirror } = (await import(new URL('./bootstrap/debian.mjs', import.meta.url).href)) as {
    systemMirror: (etc: string) => { uri: string; signedBy?: string } | undefined
  }
  const etc = mkdtempSync(join(tmpdir(), 'fluxgate-etc-'))
  directories.push(etc)
  mkdirSync(join(etc, 'apt/sources.list.d'), { recursive: true })
  const mirror = () => {
    const found = systemMirror(etc)
    return found && [found.uri, found.signedBy]
  }
  const list = (text: string) => writeFileSync(join(etc, 'apt/sources.list'), text)
  writeFileSync(join(etc, 'os-release'), OS_RELEASE)
  assert.equal(mirror(), undefined)
  list(
    '# deb http://commented.example/debian bookworm main\ndeb http://other.example/apt tools-bookworm main\n',
  )
  assert.equal(mirror(), undefined)
  list(`deb [arch=amd64 signed-by=${KEY}] http://mirror.example/debian bookworm main contrib\n`)
  assert.deepEqual(mirror(), ['http://mirror.example/debian', KEY])
  list('')
  writeFileSync(
    join(etc, 'apt/sources.list.d/off.sources'),
    DEB822.replaceAll('Types: deb', 'Enabled: no\nTypes: deb'),
  )
  assert.equal(mirror(), undefined)
  writeFileSync(join(etc, 'apt/sources.list.d/on.sources'), DEB822)
  assert.deepEqual(mirror(), ['http://mirror.example/debian', KEY])
  writeFileSync(join(etc, 'os-release'), 'ID=ubuntu\nVERSION_CODENAME=bookworm\n')
  assert.equal(mirror(), undefined)
})
