import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { capture } from './processes.mjs'

/**
 * Packages of Debian's later suites, for one program and not for the system: apt's own client with lists, cache and
 * state in a temporary folder, so that nothing that is configured or installed changes and no root is needed. The
 * mirror and the key that signs it are the ones that the system itself is configured with.
 */
const APT_LIMIT_MS = 120_000
const SUITE_ALIASES = ['stable', 'oldstable']

/**
 * Downloads one package from one of the suites and unpacks it into `into`.
 *
 * @returns undefined when it is there, else why it is not
 */
export async function unpackPackage({ name, suite, scratch, into, etc = '/etc' }) {
  const mirror = systemMirror(etc)
  if (!mirror) return 'this system has no Debian mirror configured'
  const folders = ['lists/partial', 'cache/archives/partial', 'download']
  for (const folder of folders) mkdirSync(join(scratch, folder), { recursive: true })
  const sources = join(scratch, 'sources.list')
  const options = mirror.signedBy ? `[signed-by=${mirror.signedBy}] ` : ''
  writeFileSync(sources, `deb ${options}${mirror.uri} ${suite} main\n`)
  writeFileSync(join(scratch, 'status'), '')
  const settings = aptSettings(scratch, sources)
  const limit = { timeout: APT_LIMIT_MS, killSignal: 'SIGKILL', env: { ...process.env, LC_ALL: 'C' } }
  const steps = [
    ['apt-get', [...settings, 'update']],
    ['apt-get', [...settings, 'download', name], { cwd: join(scratch, 'download') }],
  ]
  for (const [command, args, options = {}] of steps) {
    const { code, output } = await capture(command, args, { ...limit, ...options })
    if (code !== 0) return lastLine(output) || `${command} was ended after ${APT_LIMIT_MS / 1_000} s`
  }
  const file = readdirSync(join(scratch, 'download')).find(entry => entry.endsWith('.deb'))
  if (!file) return `apt-get download ${name} left no package`
  const unpacked = await capture('dpkg-deb', ['-x', join(scratch, 'download', file), into], limit)
  rmSync(join(scratch, 'download', file), { force: true })
  return unpacked.code === 0 ? undefined : lastLine(unpacked.output)
}

function aptSettings(scratch, sources) {
  const none = join(scratch, 'none')
  const settings = {
    'Dir::Etc::sourcelist': sources,
    'Dir::Etc::sourceparts': none,
    'Dir::Etc::preferences': none,
    'Dir::Etc::preferencesparts': none,
    'Dir::State': scratch,
    'Dir::State::lists': join(scratch, 'lists'),
    'Dir::State::status': join(scratch, 'status'),
    'Dir::Cache': join(scratch, 'cache'),
    // The unprivileged user that apt downloads as may not enter a project's folder.
    ...(process.getuid?.() === 0 ? { 'APT::Sandbox::User': 'root' } : {}),
    'APT::Update::Error-Mode': 'any',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '1',
    'Acquire::http::Timeout': '20',
    'Acquire::https::Timeout': '20',
  }
  mkdirSync(none, { recursive: true })
  return ['-q', ...Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])]
}

/** Where the system gets Debian's own packages: from its one-line and its deb822 files (sources.list(5)). */
export function systemMirror(etc = '/etc') {
  const release = read(join(etc, 'os-release'))
  if (!/^ID=debian$/m.test(release)) return undefined
  const codename = /^VERSION_CODENAME="?([a-z]+)"?$/m.exec(release)?.[1]
  const suites = [codename, ...SUITE_ALIASES]
  const parts = join(etc, 'apt/sources.list.d')
  const files = existsSync(parts) ? readdirSync(parts).map(name => join(parts, name)) : []
  const entries = [join(etc, 'apt/sources.list'), ...files].flatMap(file =>
    file.endsWith('.sources') ? stanzas(read(file)) : file.endsWith('.list') ? lines(read(file)) : [],
  )
  return entries.find(
    entry => entry.components.includes('main') && entry.suites.some(suite => suites.includes(suite)),
  )
}

function lines(text) {
  return [...text.matchAll(/^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+(.+)$/gm)].map(
    ([, options = '', uri, suite, components]) => ({
      uri,
      suites: [suite],
      components: components.trim().split(/\s+/),
      signedBy: /signed-by=(\/\S+)/.exec(options)?.[1],
    }),
  )
}

function stanzas(text) {
  return text
    .replace(/^#.*\n?/gm, '')
    .split(/\n\s*\n/)
    .map(stanza => {
      const field = name => new RegExp(`^${name}:[ \\t]*(.*)$`, 'im').exec(stanza)?.[1]?.trim() ?? ''
      const signedBy = field('Signed-By')
      return {
        uri: field('URIs').split(/\s+/)[0],
        suites: field('Suites').split(/\s+/),
        components: field('Components').split(/\s+/),
        // A key that stands in the file itself is not passed on; apt's own trusted keys then decide.
        signedBy: signedBy.startsWith('/') ? signedBy : undefined,
        isUsed: !/^no$/i.test(field('Enabled')) && /\bdeb\b/.test(field('Types')),
      }
    })
    .filter(({ isUsed, uri }) => isUsed && uri)
}

function lastLine(output) {
  const told = output.trim().split('\n')
  return (told.find(line => line.startsWith('E: ')) ?? told.at(-1) ?? '').replace(/^E: /, '')
}

function read(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : ''
}
