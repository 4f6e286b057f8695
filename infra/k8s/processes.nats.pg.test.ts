import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { get as getHttp } from 'node:http'
import { get as getHttps } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually, freePort, startPostgres } from '@fluxgate/testing'
import { type Command, ROOT, runCommand } from '../e2e/system.ts'
import { makeAuthority, makeCertificate, PASSWORD_VARIABLES } from '../nats/src/index.ts'
import { type ContainerProcess, type Deployment, ofCompose, ofKubernetes } from './src/processes.ts'
import { makeSecrets } from './src/secrets.ts'

const READY_LIMIT = { timeoutMs: 90_000 }
const secretsOf = async () => (await makeSecrets('api.fluxgate.local', Date.now()))[0]!.stringData

for (const [name, read] of [
  ['docker-compose.yml', ofCompose],
  ['the manifests for Kubernetes', ofKubernetes],
] as const) {
  test(`what ${name} runs, runs: three servers of NATS with TLS, then each command until it is ready`, async t => {
    await using stack = new AsyncDisposableStack()
    const directory = await mkdtemp(join(tmpdir(), 'fluxgate-processes-'))
    stack.defer(() => rm(directory, { recursive: true, force: true }))
    const secrets = await secretsOf()
    const deployment = read(secrets)
    await makeCertificates(directory)
    const natsPorts = await startCluster(stack, directory, deployment, secrets)
    const postgres = stack.use(await startPostgres())
    if (postgres.kind === 'pglite') return t.skip('roles need PostgreSQL')
    const place = await placeOf(deployment, { directory, natsPorts, postgres })

    const certificates = deployment.processes.find(each => each.name === 'certificates')
    if (certificates) await makesCertificates(certificates)
    const jobs = deployment.processes.filter(each => each.probe === undefined && each.name !== 'certificates')
    for (const job of jobs.toSorted((a, b) => order(a) - order(b))) {
      await using command = runCommand(job.entry, place(job).env)
      await once(command.child, 'exit')
      assert.equal(command.child.exitCode, 0, `${job.name}: ${command.output()}`)
    }
    const services = deployment.processes.filter(each => each.probe !== undefined)
    assert.equal(services.length, 7)
    const running: Array<readonly [string, URL, Command]> = []
    for (const service of services) {
      const { env, probe } = place(service)
      running.push([service.name, probe!, stack.use(runCommand(service.entry, env))])
    }
    for (const [service, probe, command] of running) {
      await eventually(async () => {
        assert.equal(command.child.exitCode, null, `${service} has ended: ${command.output()}`)
        assert.equal(await statusOf(probe), 200, `${service} at ${probe}: ${command.output().slice(-2_000)}`)
      }, READY_LIMIT)
      assert.doesNotMatch(command.output(), /permission/i, service)
    }
  })
}

/** In folders of their own: names of containers lead nowhere here. */
async function makesCertificates({ entry, env }: ContainerProcess): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'fluxgate-certificates-'))
  const made = { ...env, CERTIFICATE_DIR: directory, AUTHORITY_DIR: directory }
  // The second time it leaves them as they are.
  for (const said of [/made for nats-1, nats-2, nats-3/, /they are there/]) {
    await using command = runCommand(entry, made)
    await once(command.child, 'exit')
    assert.match(command.output(), said)
  }
  assert.deepEqual((await readdir(directory)).sort(), ['ca.pem', 'cert.pem', 'key.pem'])
  await rm(directory, { recursive: true, force: true })
}

/** The tables before the users of them. */
const order = ({ name }: ContainerProcess) => ['migrate', 'database-users', 'topology'].indexOf(name)

async function makeCertificates(directory: string): Promise<void> {
  const authority = await makeAuthority('test', Date.now())
  const { cert, key } = await makeCertificate(authority, ['localhost', '127.0.0.1'], Date.now())
  // By the names of either form.
  for (const [name, text] of [
    ...(['ca.pem', 'ca.crt'] as const).map(name => [name, authority.cert] as const),
    ...(['cert.pem', 'tls.crt'] as const).map(name => [name, cert] as const),
    ...(['key.pem', 'tls.key'] as const).map(name => [name, key] as const),
  ]) {
    await writeFile(join(directory, name), text)
  }
}

/** Three servers as they are configured, only at addresses of this machine. */
async function startCluster(
  stack: AsyncDisposableStack,
  directory: string,
  { natsConfig }: Deployment,
  secrets: Readonly<Record<string, string>>,
): Promise<number[]> {
  const servers = await Promise.all(
    [0, 1, 2].map(async () => ({
      client: await freePort(),
      route: await freePort(),
      http: await freePort(),
    })),
  )
  await copyFile(join(ROOT, 'infra/nats/accounts.conf'), join(directory, 'accounts.conf'))
  const passwords = Object.fromEntries(PASSWORD_VARIABLES.map(name => [name, secrets[name]]))
  for (const [i, { client, route, http }] of servers.entries()) {
    let routes = 0
    const config = natsConfig
      // Of servers after Debian's.
      .replace(/^.*sync_interval.*$/m, '')
      .replaceAll('/certificate', directory)
      .replace('"/data"', JSON.stringify(join(directory, `store-${i}`)))
      .replace(/"[\d.]+:4222"/, `"127.0.0.1:${client}"`)
      .replace(/"[\d.]+:8222"/, `"127.0.0.1:${http}"`)
      .replace(/"[\d.]+:6222"/, `"127.0.0.1:${route}"`)
      .replaceAll(/nats-\d[\w.-]*:6222/g, () => `127.0.0.1:${servers[routes++]!.route}`)
    assert.equal(routes, 3)
    const path = join(directory, `server-${i}.conf`)
    await writeFile(path, config)
    const server = spawn('nats-server', ['--config', path, '--name', `nats-${i}`], {
      env: { PATH: process.env.PATH, ...passwords },
      stdio: 'ignore',
    })
    stack.defer(async () => {
      if (server.exitCode !== null || !server.kill('SIGKILL')) return
      await once(server, 'exit')
    })
  }
  const healthy = servers.map(({ http }) => new URL(`http://127.0.0.1:${http}/healthz?js-enabled-only=true`))
  await eventually(async () => {
    for (const url of healthy) assert.equal(await statusOf(url), 200)
    const varz = await fetch(new URL('/jsz', healthy[0]))
    const { meta_cluster } = (await varz.json()) as {
      meta_cluster?: { leader?: string; replicas?: object[] }
    }
    assert.ok(meta_cluster?.leader, 'the three have no leader')
  }, READY_LIMIT)
  return servers.map(({ client }) => client)
}

interface Place {
  readonly directory: string
  readonly natsPorts: readonly number[]
  readonly postgres: { readonly port: number }
}

/** Puts a container's addresses, ports and folders where they are on this machine; nothing else is changed. */
async function placeOf({ processes }: Deployment, { directory, natsPorts, postgres }: Place) {
  const ports = new Map<string, string>()
  for (const { name, env } of processes) {
    for (const variable of Object.keys(env).filter(each => each.endsWith('_PORT'))) {
      ports.set(`${name} ${variable}`, String(await freePort()))
    }
  }
  const models = ports.get('simulator SIMULATOR_PORT') ?? ports.get('models SIMULATOR_PORT')
  const [publicPort, adminPort] = ['PUBLIC_PORT', 'ADMIN_PORT'].map(name => ports.get(`gateway ${name}`))
  await mkdir(join(directory, 'data'))
  // A variable without a value is empty.
  const placed = (value: string | null) =>
    (value ?? '')
      .replaceAll(
        /nats(-\d)?:4222/g,
        (_, n?: string) => `localhost:${natsPorts[n ? Number(n.slice(1)) - 1 : 0]}`,
      )
      .replace(/@postgres:5432\/fluxgate/, `@127.0.0.1:${postgres.port}/postgres`)
      .replace('//fluxgate:', '//postgres:')
      .replace('//models:11434', `//127.0.0.1:${models}`)
      .replace(/^https:\/\/(gateway|api\.fluxgate\.local:8443)$/, `https://localhost:${publicPort}`)
      .replace(/^http:\/\/gateway(-nodes)?:9090$/, `http://127.0.0.1:${adminPort}`)
      .replace(/^\/gateway\/(tls\/)?cert\.pem$/, join(directory, 'data', 'tls', 'cert.pem'))
      .replace(/^\/(tls|certificate)\//, `${directory}/`)
      .replace(/^\/data$/, join(directory, 'data'))
  return ({ name, env, probe }: ContainerProcess) => {
    const moved = Object.entries(env).map(([variable, value]) => [
      variable,
      ports.get(`${name} ${variable}`) ?? placed(value),
    ])
    const variable = Object.keys(env).find(
      each => probe !== undefined && each.endsWith('_PORT') && env[each] === probe.port,
    )
    const at =
      variable &&
      new URL(`${probe!.protocol}//127.0.0.1:${ports.get(`${name} ${variable}`)}${probe!.pathname}`)
    return { env: Object.fromEntries(moved) as Record<string, string>, probe: at || undefined }
  }
}

/** Status of an answer; whose certificate it is does not matter to a probe. */
function statusOf(url: URL): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const get = url.protocol === 'https:' ? getHttps : getHttp
  get(url, { rejectUnauthorized: false, agent: false }, reply => {
    reply.resume()
    resolve(reply.statusCode ?? 0)
  }).on('error', reject)
  return promise
}
