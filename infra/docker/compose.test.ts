import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { PASSWORD_VARIABLES, passwordVariable, USERS } from '../nats/src/index.ts'
import { variablesOf } from './known-variables.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const text = readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8')

interface ComposeService {
  readonly image: string
  readonly profiles?: readonly string[]
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly ports?: readonly string[]
  readonly secrets?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

interface Block {
  readonly name: string
  readonly entry: string | undefined
  readonly variables: readonly string[]
  /** Scheme, user and the variable of its password, of each URL with a login. */
  readonly urls: ReadonlyArray<readonly string[]>
}

/** Services by the shape that this file keeps: two spaces for a name, four for its settings, six for a variable. */
function blocks(): Block[] {
  const services = text.slice(text.indexOf('\nservices:\n'), text.indexOf('\nsecrets:\n'))
  return services
    .split(/\n {2}(?=[a-z][\w-]*:\n)/)
    .slice(1)
    .map(part => {
      const environment = /\n {4}environment:\n((?: {6}.+\n)+)/.exec(part)?.[1] ?? ''
      return {
        name: part.slice(0, part.indexOf(':')),
        entry: /command: \[((?:services|infra)\/[^,\]]+\.ts)\]/.exec(part)?.[1],
        urls: [...part.matchAll(/_URL: (nats|postgres):\/\/([\w-]+):\$\{(\w+)\}@/g)],
        variables: [...environment.matchAll(/^ {6}([A-Z_]+):/gm)].map(match => match[1] ?? ''),
      }
    })
}

test('every service of the tree is in the compose file', () => {
  const entries = blocks().map(block => block.entry)
  for (const main of globSync('services/*/src/main.ts', { cwd: ROOT })) {
    // A command line, not a server.
    if (main.startsWith('services/forensics/')) continue
    assert.ok(entries.includes(main), `${main} is missing`)
  }
})

test('containers get only variables that their code reads', () => {
  for (const { name, entry, variables } of blocks()) {
    if (!entry || !existsSync(join(ROOT, entry))) continue
    const known = variablesOf(entry)
    const unknown = variables.filter(variable => !known.has(variable))
    assert.deepEqual(unknown, [], `${name} is told what ${entry} does not read`)
    assert.ok(variables.length > 0, `${name} is told nothing`)
  }
})

test('no secret has a value here', () => {
  for (const match of text.matchAll(/^\s+(\w*(?:SECRET|TOKEN|PASSWORD)): (.+)$/gm)) {
    assert.match(match[2] ?? '', /^\$\{/, `${match[1]} is written out`)
  }
})

test('the file is YAML whose parts exist', () => {
  const { services, volumes, configs } = parse(text, { merge: true }) as {
    services: Record<
      string,
      { volumes?: string[]; depends_on?: Record<string, unknown>; build?: { dockerfile: string } }
    >
    volumes: Record<string, unknown>
    configs: Record<string, unknown>
  }
  assert.deepEqual(
    Object.keys(services),
    blocks().map(block => block.name),
  )
  assert.ok('nats' in configs)
  for (const [name, { depends_on, volumes: mounts, build }] of Object.entries(services)) {
    for (const other of Object.keys(depends_on ?? {}))
      assert.ok(other in services, `${name} waits for ${other}`)
    for (const source of (mounts ?? []).map(mount => mount.split(':')[0] ?? '')) {
      assert.ok(source in volumes || existsSync(join(ROOT, source)), `${name} mounts ${source}`)
    }
    if (build) assert.ok(existsSync(join(ROOT, build.dockerfile)))
  }
})

test('each service is a user of its own in NATS, and its own role in Postgres', () => {
  const names = USERS.map(user => user.name)
  for (const { name, urls } of blocks()) {
    for (const [, scheme, user, variable] of urls) {
      if (scheme === 'nats') {
        assert.ok(names.includes(name), `${name} has no user in infra/nats/src/users.ts`)
        assert.deepEqual([user, variable], [name, passwordVariable(name)])
      } else if (user !== 'fluxgate') {
        assert.deepEqual([user, variable], [name, `POSTGRES_PASSWORD_${name.toUpperCase()}`])
      } else assert.match(name, /^(migrate|database-users)$/, `${name} logs in as the owner of the tables`)
    }
  }
})

test('the servers are told every password, and secrets.sh makes every secret', () => {
  for (const variable of PASSWORD_VARIABLES)
    assert.ok(text.includes(`\n    ${variable}: \${${variable}:?`), variable)
  const script = join(import.meta.dirname, 'secrets.sh')
  const lines = execFileSync('sh', [script], { encoding: 'utf8' }).trim().split('\n')
  const made = lines.map(line => line.slice(0, line.indexOf('=')))
  const asked = [...text.matchAll(/\$\{(\w+):\?/g)].map(([, variable]) => variable!)
  assert.deepEqual(made.toSorted(), [...new Set(asked)].toSorted())
  for (const line of lines) assert.match(line, /^\w+=s[0-9a-f]{64}$/)
  assert.equal(new Set(lines.map(line => line.slice(line.indexOf('=')))).size, lines.length)
})

test("nats-server takes the cluster's configuration", t => {
  const directory = mkdtempSync(join(tmpdir(), 'fluxgate-compose-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const content = /\n {4}content: \|\n((?: {6}.*\n|\n)+)/.exec(text)?.[1] ?? ''
  const config = content
    .replaceAll(/\$\{\w+(:\?)?\}/g, 'secret')
    .replace('/data', join(directory, 'store'))
    // Of servers after Debian's.
    .replace(/^.*sync_interval.*$/m, '')
  writeFileSync(join(directory, 'nats-server.conf'), config)
  copyFileSync(join(ROOT, 'infra', 'nats', 'accounts.conf'), join(directory, 'accounts.conf'))
  const env = { ...process.env, ...Object.fromEntries(PASSWORD_VARIABLES.map(name => [name, 'secret'])) }
  const run = spawnSync('nats-server', ['-t', '--config', join(directory, 'nats-server.conf')], {
    env,
    encoding: 'utf8',
  })
  assert.equal(run.status, 0, run.stderr)
  const { NATS_PASSWORD_GUARD: _, ...less } = env
  const missing = spawnSync('nats-server', ['-t', '--config', join(directory, 'nats-server.conf')], {
    env: less,
    encoding: 'utf8',
  })
  assert.notEqual(missing.status, 0, 'a password that is not told is no empty one')
})

test('Prometheus asks services of this file, at the ports where they tell their figures', () => {
  const { scrape_configs: jobs } = parse(
    readFileSync(join(ROOT, 'infra/observability/prometheus.yml'), 'utf8'),
  ) as {
    scrape_configs: Array<Record<string, Array<{ targets?: string[]; names?: string[]; port?: number }>>>
  }
  const { services, secrets } = parse(text, { merge: true }) as {
    services: Record<string, ComposeService>
    secrets: object
  }
  for (const job of jobs) {
    const [{ targets = [], names = [], port } = {}] = job.dns_sd_configs ?? job.static_configs ?? []
    const asked = targets.length > 0 ? targets[0]! : `${names[0]}:${port}`
    const [name = '', at] = asked.split(':')
    assert.equal(String(job.job_name), name)
    const environment = services[name]?.environment ?? {}
    assert.equal(name === 'gateway' ? environment.ADMIN_PORT : environment.METRICS_PORT, at, name)
    assert.equal(name === 'gateway' ? environment.ADMIN_HOST : environment.METRICS_HOST, '0.0.0.0', name)
  }
  for (const name of ['prometheus', 'grafana']) {
    const { image, profiles, read_only, cap_drop, ports } = services[name]!
    assert.match(image, /:v?\d+\.\d+\.\d+$/, `${name} is not pinned`)
    assert.deepEqual([profiles, read_only, cap_drop], [['observability'], true, ['ALL']], name)
    for (const published of ports ?? []) assert.match(published, /^127\.0\.0\.1:/, name)
  }
  for (const secret of services.prometheus!.secrets ?? []) assert.ok(secret in secrets)
})
