import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, it } from 'node:test'

/** The promises of ARCHITECTURE.md about the tree, kept by reading every import. */
const root = join(import.meta.dirname, '..')
const files = globSync('{shared,services,cli,infra}/**/*.{ts,tsx}', { cwd: root }).filter(
  file => !file.includes('node_modules') && !file.includes('/dist/'),
)
const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s(?:[^'"\n]|\n(?!\s*(?:import|export)\s))*?from\s+'([^']+)'|import\('([^']+)'\)/g

interface Import {
  readonly from: string
  readonly target: string
  /** `import type`: gone at run time. */
  readonly typeOnly: boolean
}

const imports: Import[] = files.flatMap(from => {
  const text = readFileSync(join(root, from), 'utf8')
  return [...text.matchAll(IMPORT)].map(match => ({
    from,
    target: match[1] ?? match[2] ?? '',
    typeOnly: /(import|export) type /.test(match[0]),
  }))
})

/** `@fluxgate/nats` → `shared/nats`. */
const packages = new Map<string, string>()
/** What packages export: `@fluxgate/nats`, `@fluxgate/nats/testing`. */
const doors = new Set<string>()
for (const file of globSync('{cli,{shared,services,infra}/*}/package.json', { cwd: root })) {
  const { name, exports = {} } = JSON.parse(readFileSync(join(root, file), 'utf8')) as {
    name: string
    exports?: Record<string, string>
  }
  packages.set(name, dirname(file))
  for (const door of Object.keys(exports)) doors.add(join(name, door))
}
const packageOf = (file: string) => (file.startsWith('cli/') ? 'cli' : file.split('/').slice(0, 2).join('/'))
const isTest = (file: string) => /\.test\.tsx?$|\/test(-[^/]*\.tsx?$|\/)|^infra\/e2e\//.test(file)

function targetPackage({ from, target }: Import): string | undefined {
  if (target.startsWith('.')) return packageOf(pathOf(from, target))
  return packages.get(target.split('/').slice(0, 2).join('/'))
}

function floor(name: string): number {
  if (name === 'shared/contracts') return 0
  // Forensics and operations use the door to NATS and the guard's core.
  if (name === 'shared/forensics' || name === 'shared/operations') return 1.5
  if (name.startsWith('shared/')) return 1
  return name.startsWith('infra/') ? 3 : 2
}

const pathOf = (from: string, target: string) => relative(root, join(root, dirname(from), target))

/** Clock, chance, input and output. */
const IMPURE =
  /\bDate\.now\b|performance\.now\b|Math\.random\b|randomBytes|randomUUID|set(?:Timeout|Interval|Immediate)\(|from 'node:(?:fs|net|http|https|http2|dns|tls|child_process|worker_threads|timers)[^']*'|from '(?:undici|pg|nats)'/
const ADAPTER = /\.(?:nats|pg|http|fs|net|timer|worker|process)\.ts$/
const ADAPTER_IMPORT = /from '\.\/[^']*\.(?:nats|pg|http|fs|net|timer|worker|process)\.ts'/
/** Doors, compositions, commands and processes: they put adapters together. */
const COMPOSITION = /(?:^|\/)(?:index|service|config|start-[^/]*|main|[^/]*-main|commands\/[^/]*)\.ts$/

/** Types, `isIP` and `BlockList` are pure, wherever they come from. */
const PURE_IMPORTS =
  /import type [^;]*? from '[^']*'|import \{ (?:(?:BlockList|isIP|isIPv[46]|type \w+)(?:, )?)+ \} from 'node:net'/g
const codeOf = (file: string) => readFileSync(join(root, file), 'utf8').replace(PURE_IMPORTS, '')

/** Words of a private dialect, which readers would have to learn. Names in stored events and answers stay as they are. */
const BANNED_NAMES =
  'stand,stands,face,faces,desk,desks,roster,rosters,shipment,shipments,culprit,culprits,accused,nobody,remark,mood,trouble,troubles,quieten'
const BANNED = `${BANNED_NAMES},told,untold,kept,whom,offence,offences,burnt`
const bannedNames = new Set(BANNED_NAMES.split(','))
const banned = new Set(BANNED.split(','))
const isBannedName = (word: string) => bannedNames.has(word)
const isBanned = (word: string) => banned.has(word)
const TEST_NAME = /\b(?:it|test|describe)\(\s*(?:'((?:[^'\\\n]|\\.)+)'|`([^`]+)`)/g
const DECLARED = /\b(?:const|let|function|class|interface|type|readonly)\s+(\w+)/g
const wordsOf = (name: string) =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z]+/)

const hasRooms = (src: string) => ['in', 'core', 'out'].some(room => existsSync(join(root, src, room)))
/** Roots that are cut by feature: each folder in them is a slice. */
const sliced = globSync('{services/*,services/dashboard/web,cli}/src', { cwd: root }).filter(
  src => !hasRooms(src),
)
const rootOf = (file: string) => sliced.find(src => file.startsWith(`${src}/`))
const isPage = (file: string) => file.startsWith('services/dashboard/web/')
/** The path below the root. */
const inRoot = (file: string) => file.slice((rootOf(file) ?? '').length + 1)

/** The slice of a file of such a service; `''` for what is above the slices. */
function sliceOf(file: string): string | undefined {
  if (rootOf(file) === undefined) return undefined
  const [slice, rest] = inRoot(file).split('/')
  return rest === undefined ? '' : slice
}

function sliceEdges(src: string): ReadonlyArray<readonly [string, string]> {
  const edges = new Map<string, readonly [string, string]>()
  for (const { from, target } of imports) {
    if (!from.startsWith(`${src}/`) || !target.startsWith('.') || isTest(from)) continue
    const here = sliceOf(from)
    const to = pathOf(from, target)
    const there = rootOf(to) === src ? sliceOf(to) : undefined
    if (here && there && here !== there) edges.set(`${here} ${there}`, [here, there])
  }
  return [...edges.values()]
}

describe('the house', () => {
  it('has imports that point down, and services that do not know each other', () => {
    const wrong = imports.filter(each => {
      const from = packageOf(each.from)
      const to = targetPackage(each)
      if (to === undefined || to === from) return false
      if (to === 'shared/testing') return !isTest(each.from) && floor(from) < 3
      return floor(to) > floor(from) || (floor(to) === floor(from) && floor(from) !== 3)
    })
    assert.deepEqual(wrong, [])
  })

  it('has a core of the guard that knows the contracts and nothing else', () => {
    const wrong = imports.filter(each => {
      if (packageOf(each.from) !== 'shared/guard-core' || isTest(each.from)) return false
      const isOwn = each.target.startsWith('.') && targetPackage(each) === 'shared/guard-core'
      return !isOwn && !each.target.startsWith('@fluxgate/contracts') && each.target !== 'node:crypto'
    })
    assert.deepEqual(wrong, [])
  })

  it('is entered by the doors that its packages export, and by `testing` from tests and infra alone', () => {
    const inside = imports.filter(({ from, target }) => {
      if (!target.startsWith('@fluxgate/')) return false
      const isForTests = target.endsWith('/testing')
      return !doors.has(target) || (isForTests && !isTest(from) && !from.startsWith('infra/'))
    })
    assert.deepEqual(inside, [])
    const around = imports.filter(
      each => each.target.startsWith('.') && targetPackage(each) !== packageOf(each.from),
    )
    const isWithinInfra = (each: Import) =>
      each.from.startsWith('infra/') && targetPackage(each)?.startsWith('infra/')
    assert.deepEqual(
      around.filter(each => !isWithinInfra(each)),
      [],
    )
  })

  it('keeps the nats library behind shared/nats', () => {
    const direct = imports.filter(({ from, target }) => target === 'nats' && !from.startsWith('shared/nats/'))
    assert.deepEqual(
      direct.filter(({ from }) => !isTest(from)),
      [],
    )
  })

  it('has rooms that meet only in service.ts', () => {
    const room = (file: string) => {
      const found = /^((?:services\/[^/]+|shared\/forensics)\/src)\/(in|core|out|log)\//.exec(file)
      return found && hasRooms(found[1] ?? '') ? found[2] : undefined
    }
    const wrong = imports.filter(({ from, target }) => {
      const here = room(from)
      if (!here || !target.startsWith('.') || isTest(from)) return false
      const there = room(pathOf(from, target))
      return here === 'core' ? there !== 'core' : there !== undefined && there !== here && there !== 'core'
    })
    assert.deepEqual(wrong, [])
  })

  it('has a pure core: no clock, no chance, no input or output', () => {
    const rooms = /^(services\/[^/]+\/src\/core|shared\/guard-core|shared\/forensics\/src\/core)\//
    assert.deepEqual(
      files.filter(file => rooms.test(file) && !isTest(file) && IMPURE.test(codeOf(file))),
      [],
    )
  })

  it('has slices that meet by their doors, and types of answers that the page and other answers read', () => {
    const wrong = imports.filter(({ from, target, typeOnly }) => {
      const here = sliceOf(from)
      if (!here || !target.startsWith('.') || /\.(css|json)$/.test(target) || isTest(from)) return false
      const to = pathOf(from, target)
      if (typeOnly && to.endsWith('/answers.ts') && (isPage(from) || from.endsWith('/answers.ts')))
        return false
      if (rootOf(to) !== rootOf(from)) return true
      const there = sliceOf(to)
      return there !== here && there !== '' && !/^[^/]+\/index\.ts$/.test(inRoot(to))
    })
    assert.deepEqual(wrong, [])
  })

  it('has slices without cycles, types included', () => {
    const cycles = sliced.flatMap(src => {
      const graph = new Map<string, string[]>()
      for (const [from, to] of sliceEdges(src)) graph.set(from, [...(graph.get(from) ?? []), to])
      return cyclesOf(graph)
    })
    assert.deepEqual(cycles, [])
  })

  it('has a gateway of at most 50 imports between slices', () => {
    assert.ok(sliceEdges('services/gateway/src').length <= 50)
  })

  it('has settings that import no slice', () => {
    const wrong = imports.filter(({ from, target }) => {
      if (!target.startsWith('.') || isTest(from) || !/^config(\.ts$|\/)/.test(inRoot(from))) return false
      return ![undefined, '', 'config'].includes(sliceOf(pathOf(from, target)))
    })
    assert.deepEqual(wrong, [])
  })

  it('names by a suffix what a file of a slice touches', () => {
    const wrong = files.filter(file => {
      if (rootOf(file) === undefined || isPage(file) || isTest(file)) return false
      const isExempt = ADAPTER.test(file) || COMPOSITION.test(file)
      return !isExempt && (IMPURE.test(codeOf(file)) || ADAPTER_IMPORT.test(codeOf(file)))
    })
    assert.deepEqual(wrong, [])
  })

  it('reads the environment only where a process begins', () => {
    const readers = files.filter(file => {
      const begins =
        /(^|[/-])main\.tsx?$/.test(file) || file.startsWith('infra/') || file.startsWith('shared/testing/')
      return !begins && !isTest(file) && readFileSync(join(root, file), 'utf8').includes('process.env')
    })
    assert.deepEqual(readers, [])
  })

  it('has every service in the same rooms', () => {
    for (const name of packages.values()) {
      if (!name.startsWith('services/')) continue
      for (const file of ['src/main.ts', 'src/config.ts', 'src/service.ts']) {
        assert.ok(existsSync(join(root, name, file)), `${name}/${file} is missing`)
      }
    }
  })

  it('has no drawers', () => {
    const drawers = files.filter(file => /\/(utils?|helpers?|common|misc)(\/|\.ts)/.test(file))
    assert.deepEqual(drawers, [])
  })

  it('spreads no object that is written where it is spread', () => {
    const spread = files.filter(file => /\.\.\.\{(?!\})/.test(readFileSync(join(root, file), 'utf8')))
    assert.deepEqual(spread, [])
  })

  it('is named in the terms of the field', () => {
    const found = files.flatMap(file => {
      const text = readFileSync(join(root, file), 'utf8')
      const names = [...text.matchAll(TEST_NAME)].filter(([, plain, template]) =>
        wordsOf(plain ?? template ?? '').some(isBanned),
      )
      const declared = [...text.matchAll(DECLARED)].filter(([, name = '']) =>
        wordsOf(name).some(isBannedName),
      )
      return [...names, ...declared].map(([whole]) => `${file}: ${whole}`)
    })
    assert.deepEqual(found, [])
  })

  it('has no cycles between files', () => {
    const graph = new Map<string, string[]>()
    for (const { from, target, typeOnly } of imports) {
      if (typeOnly || !target.startsWith('.')) continue
      graph.set(from, [...(graph.get(from) ?? []), pathOf(from, target)])
    }
    assert.deepEqual(cyclesOf(graph), [])
  })
})

function cyclesOf(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const state = new Map<string, 'open' | 'done'>()
  const cycles: string[] = []
  const visit = (node: string, path: string[]): void => {
    if (state.get(node) === 'done') return
    if (state.get(node) === 'open') {
      cycles.push([...path.slice(path.indexOf(node)), node].join(' → '))
      return
    }
    state.set(node, 'open')
    for (const next of graph.get(node) ?? []) visit(next, [...path, node])
    state.set(node, 'done')
  }
  for (const node of graph.keys()) visit(node, [])
  return cycles
}
