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
  if (target.startsWith('.')) return packageOf(relative(root, join(root, dirname(from), target)))
  return packages.get(target.split('/').slice(0, 2).join('/'))
}

function floor(name: string): number {
  if (name === 'shared/contracts') return 0
  // What is asked of the log stands on the door to NATS and on the guard's core.
  if (name === 'shared/forensics') return 1.5
  if (name.startsWith('shared/')) return 1
  return name.startsWith('infra/') ? 3 : 2
}

/** Whether a file has a clock, chance, input or output. Types and `isIP` are pure, wherever they come from. */
function isImpure(file: string): boolean {
  const text = readFileSync(join(root, file), 'utf8').replace(/import type .*|import { isIP } .*/g, '')
  return /\bDate\.now\(|performance\.now\(|Math\.random\(|randomBytes|setTimeout\(|setInterval\(|from 'node:(fs|net|http|https|http2|dns|tls|child_process|timers)/.test(
    text,
  )
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
    // Benches and attacks use parts of the gateway that no other package needs.
    const isAllowed = (each: Import) =>
      each.from.startsWith('infra/') && /^(infra\/|services\/gateway$)/.test(targetPackage(each) ?? '')
    assert.deepEqual(
      around.filter(each => !isAllowed(each)),
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
    const room = (file: string) =>
      /^(?:services\/[^/]+|shared\/forensics)\/src\/(in|core|out|log)\//.exec(file)?.[1]
    const wrong = imports.filter(({ from, target }) => {
      const here = room(from)
      if (!here || !target.startsWith('.') || isTest(from)) return false
      const there = room(relative(root, join(root, dirname(from), target)))
      return here === 'core' ? there !== 'core' : there !== undefined && there !== here && there !== 'core'
    })
    assert.deepEqual(wrong, [])
  })

  it('has a pure core: no clock, no chance, no input or output', () => {
    const impure = files
      .filter(
        file =>
          /^(services\/[^/]+\/src\/core|shared\/guard-core|shared\/forensics\/src\/core)\//.test(file) &&
          !isTest(file),
      )
      .filter(isImpure)
    assert.deepEqual(impure, [])
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

  it('has no cycles between files', () => {
    const graph = new Map<string, string[]>()
    for (const { from, target, typeOnly } of imports) {
      if (typeOnly || !target.startsWith('.')) continue
      const to = relative(root, join(root, dirname(from), target))
      graph.set(from, [...(graph.get(from) ?? []), to])
    }
    const state = new Map<string, 'open' | 'done'>()
    const cycles: string[] = []
    const visit = (file: string, path: string[]): void => {
      if (state.get(file) === 'done') return
      if (state.get(file) === 'open') {
        cycles.push([...path.slice(path.indexOf(file)), file].join(' → '))
        return
      }
      state.set(file, 'open')
      for (const next of graph.get(file) ?? []) visit(next, [...path, file])
      state.set(file, 'done')
    }
    for (const file of graph.keys()) visit(file, [])
    assert.deepEqual(cycles, [])
  })

  describe('slices', () => {
    /** Roots that are cut by feature: each folder in them is a slice. */
    const CUT = ['services/dashboard/src', 'services/dashboard/web/src']
    const SUFFIX = /\.(nats|pg|http|fs)\.ts$/
    const rootOf = (file: string) => CUT.find(each => file.startsWith(`${each}/`))
    /** `services/dashboard/src/live/hub.ts` → `live`; undefined for files above the slices. */
    const sliceOf = (file: string) => {
      const [slice, ...rest] = file.slice((rootOf(file)?.length ?? 0) + 1).split('/')
      return rest.length === 0 ? undefined : slice
    }
    const between = imports.flatMap(each => {
      const root = rootOf(each.from)
      if (root === undefined || !each.target.startsWith('.') || isTest(each.from)) return []
      const to = join(dirname(each.from), each.target)
      return [{ ...each, root, to, isInner: rootOf(to) === root }]
    })

    it('meet through their index.ts, and the page meets the server through answers.ts, for types alone', () => {
      const wrong = between.filter(({ from, to, isInner, typeOnly, target }) => {
        if (target.endsWith('.css')) return false
        if (isInner && sliceOf(from) === sliceOf(to)) return false
        if (to.endsWith('/answers.ts') && typeOnly) return false
        return !isInner || (sliceOf(to) !== undefined && !to.endsWith('/index.ts'))
      })
      assert.deepEqual(wrong, [])
    })

    it('are acyclic, types included', () => {
      const graph = new Map<string, Set<string>>()
      for (const { root, from, to, isInner } of between) {
        const [here, there] = [sliceOf(from), sliceOf(to)]
        if (!isInner || !here || !there || here === there) continue
        const key = `${root}/${here}`
        graph.set(key, (graph.get(key) ?? new Set()).add(`${root}/${there}`))
      }
      const reach = (from: string, seen = new Set<string>()): Set<string> => {
        for (const next of graph.get(from) ?? []) if (!seen.has(next)) reach(next, seen.add(next))
        return seen
      }
      assert.deepEqual(
        [...graph.keys()].filter(slice => reach(slice).has(slice)),
        [],
      )
    })

    it('have pure files, which import no adapter, and a config.ts that imports no slice', () => {
      const wrong = between.filter(({ from, to, typeOnly, isInner }) => {
        if (from.endsWith('/config.ts') && sliceOf(from) === undefined) return isInner
        const isPure = sliceOf(from) !== undefined && !SUFFIX.test(from) && !from.endsWith('/index.ts')
        return isPure && !typeOnly && SUFFIX.test(to)
      })
      assert.deepEqual(wrong, [])
      const impure = files
        .filter(file => rootOf(file) && sliceOf(file) && file.endsWith('.ts') && !SUFFIX.test(file))
        .filter(file => !isTest(file) && !file.includes('/web/') && isImpure(file))
      assert.deepEqual(impure, [])
    })
  })
})
