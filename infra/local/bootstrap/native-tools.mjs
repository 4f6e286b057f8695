import { delimiter, dirname } from 'node:path'
import { capture, findProgram, UserError } from './processes.mjs'

const NATS_SERVER = {
  name: 'nats-server',
  apt: 'nats-server',
  brew: 'nats-server',
  files: ['/usr/sbin/nats-server', '/usr/local/bin/nats-server'],
  byHand: 'see https://nats.io/download',
}
const CHROMIUM = {
  name: 'chromium',
  apt: 'chromium',
  brew: undefined,
  files: ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'],
  byHand: 'install Chromium or Chrome',
}

/** What `npm run bench` measures with; a row whose program is missing is skipped, and says so. */
const LOAD_GENERATOR = {
  name: 'wrk',
  apt: 'wrk',
  brew: 'wrk',
  files: ['/usr/bin/wrk'],
  byHand: 'see https://github.com/wg/wrk',
}
const NGINX = {
  name: 'nginx',
  apt: 'nginx-light',
  brew: 'nginx',
  files: ['/usr/sbin/nginx', '/usr/local/sbin/nginx'],
  byHand: 'see https://nginx.org',
}
const COMPILER = {
  name: 'gcc',
  apt: 'gcc libc6-dev',
  brew: undefined,
  files: ['/usr/bin/gcc'],
  byHand: "install gcc and the C library's headers",
}

/** nats-server, from PATH or from the system's package manager. */
export async function requireNatsServer(why) {
  if (await has(NATS_SERVER)) return
  throw new UserError(
    `nats-server is missing and could not be installed here; ${NATS_SERVER.byHand} ` +
      `(Debian, Ubuntu: apt-get install nats-server; macOS: brew install nats-server)${why}.`,
  )
}

/** For the tests in a real browser; without it these fail, and say so. */
export async function wantChromium() {
  if (await has(CHROMIUM)) return
  console.log(`No Chromium: the browser tests will fail (${CHROMIUM.byHand}).`)
}

/** For the bench's smoke test. */
export async function wantBaselines() {
  await wantEach([LOAD_GENERATOR, NGINX])
}

/** For the bench: its baselines, and the compiler of its own generators. */
export async function wantBenchTools() {
  await wantEach([LOAD_GENERATOR, NGINX, COMPILER])
}

async function wantEach(tools) {
  for (const tool of tools) {
    if (!(await has(tool)))
      console.log(`No ${tool.name}: what is measured with it is skipped (${tool.byHand}).`)
  }
}

async function has(tool) {
  if (found(tool)) return true
  const install = await installer(tool)
  if (!install) return false
  console.log(`Installing ${tool.name} (${install.words}).`)
  const { ok, output } = await install.run()
  if (!ok) console.log(output.trim().split('\n').slice(-5).join('\n'))
  return found(tool)
}

/** Debian puts servers where an ordinary user's PATH does not look; what runs after this one looks there. */
function found(tool) {
  const path = findProgram(tool.name, tool.files)
  if (path === undefined) return false
  const directories = (process.env.PATH ?? '').split(delimiter)
  if (!directories.includes(dirname(path))) process.env.PATH = [...directories, dirname(path)].join(delimiter)
  return true
}

async function installer(tool) {
  if (process.platform === 'darwin' && tool.brew && findProgram('brew')) {
    return { words: `brew install ${tool.brew}`, run: () => tried('brew', ['install', tool.brew]) }
  }
  if (process.platform !== 'linux' || !findProgram('apt-get', ['/usr/bin/apt-get'])) return undefined
  const prefix = await rootPrefix()
  if (!prefix) return undefined
  const args = ['install', '-y', '--no-install-recommends', ...tool.apt.split(' ')]
  const apt = list => {
    const [command, ...rest] = [...prefix, 'apt-get', ...list]
    return tried(command, rest)
  }
  return {
    words: `apt-get install -y ${tool.apt}`,
    async run() {
      const first = await apt(args)
      if (first.ok) return first
      // The package lists may be missing or old.
      await apt(['update'])
      return apt(args)
    },
  }
}

/** Nothing for root, `sudo -n` where it asks for no password, else undefined. */
async function rootPrefix() {
  if (process.getuid?.() === 0) return []
  if (!findProgram('sudo')) return undefined
  const { code } = await capture('sudo', ['-n', 'true'])
  return code === 0 ? ['sudo', '-n'] : undefined
}

async function tried(command, args) {
  const { code, output } = await capture(command, args, {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
  return { ok: code === 0, output }
}
