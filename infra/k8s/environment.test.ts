import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { readDashboardConfig } from '@fluxgate/dashboard/config'
import { readGatewayConfig } from '@fluxgate/gateway/config'
import { readGuardConfig } from '@fluxgate/guard/config'
import { readReporterConfig } from '@fluxgate/incident-reporter/config'
import { readMcpConfig } from '@fluxgate/mcp/config'
import { readProjectionConfig } from '@fluxgate/projection/config'
import { type EnvReader, readConfig } from '@fluxgate/runtime'
import { variablesOf } from '../docker/known-variables.ts'
import { PASSWORD_VARIABLES, USERS } from '../nats/src/index.ts'
import {
  containersOf,
  isWorkload,
  OVERLAYS,
  ofOverlay,
  podEnvironment,
  podOf,
  readManifests,
} from './src/manifests.ts'
import { makeSecrets } from './src/secrets.ts'

const ALL = readManifests('base', 'overlays/*')
const WORKLOADS = ALL.filter(isWorkload)
const OURS = WORKLOADS.filter(each => containersOf(each)[0]!.image === 'fluxgate')
const READERS: Readonly<Record<string, (env: EnvReader) => unknown>> = {
  gateway: readGatewayConfig,
  guard: readGuardConfig,
  'incident-reporter': readReporterConfig,
  projection: readProjectionConfig,
  mcp: readMcpConfig,
  dashboard: readDashboardConfig,
}

let secrets: Awaited<ReturnType<typeof makeSecrets>>
before(async () => {
  secrets = await makeSecrets('api.example.com', Date.now())
})
const secretNamed = (name: string) => secrets.find(({ metadata }) => metadata.name === name)

describe('the environment of each pod', () => {
  for (const overlay of OVERLAYS) {
    it(`is one that its code takes (${overlay})`, () => {
      for (const workload of ofOverlay(overlay).filter(isWorkload)) {
        const { name } = workload.metadata
        const [container] = containersOf(workload)
        const env = podEnvironment(workload, overlay, secrets)
        if (container!.image !== 'fluxgate') continue
        const read = READERS[name]
        if (read) assert.doesNotThrow(() => readConfig(env, read), name)
        const known = variablesOf(container!.args![0]!)
        const used = JSON.stringify(container!.env)
        for (const variable of Object.keys(env)) {
          // What is only inside another value, and what Node itself reads.
          if (used.includes(`$(${variable})`) || variable === 'NODE_EXTRA_CA_CERTS') continue
          assert.ok(
            known.has(variable),
            `${name} has ${variable}, which ${container!.args![0]} does not read`,
          )
        }
      }
    })
  }

  it('names ports that the code listens at, as its configuration says', () => {
    for (const workload of OURS.filter(each => each.metadata.name in READERS)) {
      const env = podEnvironment(workload, 'production', secrets)
      const reported = ['PUBLIC_PORT', 'ADMIN_PORT', 'METRICS_PORT', 'MCP_PORT', 'DASHBOARD_PORT'].flatMap(
        name => (env[name] === undefined ? [] : [Number(env[name])]),
      )
      const open = containersOf(workload)[0]!.ports!.map(({ containerPort }) => containerPort)
      assert.deepEqual(open.toSorted(), reported.toSorted(), workload.metadata.name)
    }
  })

  it('logs in as the user of the service, in NATS and in Postgres', () => {
    for (const workload of OURS) {
      const { name } = workload.metadata
      const text = JSON.stringify(containersOf(workload)[0]!.env)
      const user = /tls:\/\/([\w-]+):/.exec(text)?.[1]
      if (user) {
        assert.equal(user, name)
        assert.ok(USERS.some(each => each.name === user))
        assert.ok(text.includes(`"key":"NATS_PASSWORD_${name.replaceAll('-', '_').toUpperCase()}"`), name)
      }
      const role = /postgres:\/\/([\w-]+):/.exec(text)?.[1]
      if (role) assert.equal(role, /^(migrate|database-users)$/.test(name) ? 'fluxgate' : name)
    }
    const nats = WORKLOADS.find(({ metadata }) => metadata.name === 'nats')!
    const reported = containersOf(nats)[0]!.env!.map(({ name }) => name)
    for (const variable of PASSWORD_VARIABLES) assert.ok(reported.includes(variable), variable)
  })

  it('gives each pod the tokens and keys of its purpose, and no others', () => {
    const purposes = {
      gateway: [
        'ADMIN_TOKEN',
        'ADMIN_TOKEN_DASHBOARD',
        'FORWARD_TOKEN',
        'METRICS_TOKEN',
        'SESSION_PRIVATE_KEY',
      ],
      dashboard: ['ADMIN_TOKEN_DASHBOARD', 'FORWARD_TOKEN', 'SESSION_PUBLIC_KEY'],
      mcp: ['MCP_TOKEN', 'SESSION_PUBLIC_KEY'],
    } as Record<string, string[]>
    for (const workload of OURS) {
      const { name } = workload.metadata
      const keys = (containersOf(workload)[0]!.env ?? []).flatMap(
        ({ valueFrom }) => valueFrom?.secretKeyRef?.key ?? [],
      )
      assert.deepEqual(keys.filter(key => /TOKEN|SESSION/.test(key)).sort(), purposes[name] ?? [], name)
    }
  })

  it('refers to secrets that the command makes, and holds none', () => {
    for (const workload of WORKLOADS) {
      const pod = podOf(workload)
      for (const { name, value, valueFrom } of pod.containers.flatMap(({ env = [] }) => env)) {
        if (/SECRET|TOKEN|PASSWORD/.test(name)) assert.equal(value, undefined, name)
        const { secretKeyRef } = valueFrom ?? {}
        if (secretKeyRef)
          assert.ok(secretNamed(secretKeyRef.name!)?.stringData[secretKeyRef.key], secretKeyRef.key)
      }
      for (const { secret } of pod.volumes ?? []) {
        if (secret) assert.ok(secretNamed(secret.secretName!), secret.secretName)
      }
    }
    assert.equal(ALL.filter(({ kind }) => kind === 'Secret').length, 0)
  })
})
