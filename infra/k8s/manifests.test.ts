import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, describe, it, test } from 'node:test'
import { readDashboardConfig } from '@fluxgate/dashboard/config'
import { readGatewayConfig } from '@fluxgate/gateway/config'
import { readGuardConfig } from '@fluxgate/guard/config'
import { readReporterConfig } from '@fluxgate/incident-reporter/config'
import { readMcpConfig } from '@fluxgate/mcp/config'
import { readProjectionConfig } from '@fluxgate/projection/config'
import { type EnvReader, readConfig } from '@fluxgate/runtime'
import type { Service } from 'kubernetes-types/core/v1.js'
import { parse } from 'yaml'
import { variablesOf } from '../docker/known-variables.ts'
import { PASSWORD_VARIABLES, USERS } from '../nats/src/index.ts'
import {
  configOf,
  containersOf,
  environmentOf,
  FOLDER,
  isWorkload,
  type Manifest,
  OVERLAYS,
  ofOverlay,
  parseManifests,
  podOf,
  readManifests,
} from './src/manifests.ts'
import { makeSecrets } from './src/secrets.ts'

const ROOT = join(FOLDER, '..', '..')
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
/** After a drain: the log, and connections to close (services/gateway/src/main.ts). */
const CLOSE_SECONDS = 10

let secrets: Awaited<ReturnType<typeof makeSecrets>>
before(async () => {
  secrets = await makeSecrets('api.example.com', Date.now())
})
const secretNamed = (name: string) => secrets.find(({ metadata }) => metadata.name === name)

/** Kinds by the modules of the official types; those of the Prometheus operator have none. */
const TYPES: Readonly<Record<string, string>> = {
  v1: 'core/v1',
  'apps/v1': 'apps/v1',
  'batch/v1': 'batch/v1',
  'autoscaling/v2': 'autoscaling/v2',
  'policy/v1': 'policy/v1',
  'networking.k8s.io/v1': 'networking/v1',
}

/** Checks objects against the types made from the API's own schema: no field that it does not know, none left out. */
function typeCheck(manifests: readonly Manifest[]): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'fluxgate-k8s-'))
  const typed = manifests.filter(({ apiVersion }) => apiVersion in TYPES)
  const lines = typed.map(({ file: _, ...object }, i) => {
    const module = JSON.stringify(join(ROOT, 'node_modules/kubernetes-types', TYPES[object.apiVersion]!))
    return `export const object${i}: import(${module}).${object.kind} = ${JSON.stringify(object)}`
  })
  const path = join(directory, 'objects.ts')
  writeFileSync(path, lines.join('\n'))
  const flags = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--skipLibCheck', '--ignoreConfig']
  const types = ['--types', '', '--module', 'preserve', '--moduleResolution', 'bundler']
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  const run = spawnSync(process.execPath, [tsc, ...flags, ...types, path], { encoding: 'utf8' })
  rmSync(directory, { recursive: true, force: true })
  return run.stdout
    .split('\n')
    .filter(line => line.includes('error TS'))
    .map(line => {
      const at = typed[Number(/\((\d+),/.exec(line)?.[1] ?? 0) - 1]
      return `${at?.file} ${at?.kind} ${at?.metadata.name}: ${line.slice(line.indexOf('error'))}`
    })
}

describe('the manifests', () => {
  it('are what the API knows, field by field', () => {
    assert.ok(ALL.length > 40)
    assert.deepEqual(typeCheck(ALL), [])
    const [gateway] = WORKLOADS.filter(({ metadata }) => metadata.name === 'gateway')
    const unknown = { ...gateway!, spec: { ...gateway!.spec, replica: 3 } }
    const { serviceName: _, ...less } = gateway!.spec as { serviceName: string }
    for (const wrong of [unknown, { ...gateway!, spec: less }]) {
      assert.equal(typeCheck([wrong as Manifest]).length, 1, 'a slip would not be seen')
    }
  })

  it('are all named by the kustomization of their folder', () => {
    for (const folder of ['base', ...OVERLAYS.map(overlay => `overlays/${overlay}`)]) {
      const { resources } = parse(readFileSync(join(FOLDER, folder, 'kustomization.yaml'), 'utf8')) as {
        resources: string[]
      }
      const files = globSync('*.yaml', { cwd: join(FOLDER, folder) }).filter(
        file => file !== 'kustomization.yaml',
      )
      assert.deepEqual(resources.filter(name => name.endsWith('.yaml')).toSorted(), files.toSorted(), folder)
    }
  })

  for (const overlay of OVERLAYS) {
    it(`are built by kustomize (${overlay}), every name and patch of it found`, t => {
      const run = spawnSync('kubectl', ['kustomize', join(FOLDER, 'overlays', overlay)], { encoding: 'utf8' })
      if (run.error) return t.skip('no kubectl here')
      assert.equal(run.status, 0, run.stderr)
      const built = parseManifests(run.stdout, overlay)
      assert.deepEqual(typeCheck(built), [])
      for (const { kind, metadata } of built as Array<Manifest & { metadata: { namespace?: string } }>) {
        if (kind !== 'Namespace') assert.equal(metadata.namespace, 'fluxgate', metadata.name)
      }
      const maps = built.filter(({ kind }) => kind === 'ConfigMap').map(({ metadata }) => metadata.name)
      const asked = JSON.stringify(built.filter(isWorkload)).matchAll(
        /"(?:configMap|configMapKeyRef)":\{[^}]*"name":"([^"]+)"/g,
      )
      for (const [, name] of asked) assert.ok(maps.includes(name!), `${name} is no ConfigMap of the overlay`)
      for (const each of built.filter(isWorkload)) assert.notEqual(containersOf(each)[0]!.image, 'fluxgate')
      const service = built.find(({ kind, metadata }) => kind === 'Service' && metadata.name === 'gateway')
      assert.equal((service as Service).spec?.type, overlay === 'production' ? 'LoadBalancer' : 'ClusterIP')
    })
  }

  it('have a workload for every service of the tree', () => {
    const entries = OURS.map(each => containersOf(each)[0]!.args![0])
    for (const main of globSync('services/*/src/main.ts', { cwd: ROOT })) {
      assert.ok(entries.includes(main), `${main} is missing`)
    }
    for (const entry of entries) assert.ok(existsSync(join(ROOT, entry!)), entry)
  })

  it('run without rights: not root, nothing written but to volumes, no capability, no token of the API', () => {
    for (const each of WORKLOADS) {
      const { metadata } = each
      const pod = podOf(each)
      assert.equal(pod.automountServiceAccountToken, false, metadata.name)
      assert.equal(pod.securityContext?.runAsNonRoot, true, metadata.name)
      assert.ok((pod.securityContext?.runAsUser ?? 0) > 0, metadata.name)
      assert.equal(pod.securityContext?.seccompProfile?.type, 'RuntimeDefault', metadata.name)
      const volumes = (pod.volumes ?? []).map(({ name }) => name)
      const claims = (each.spec as { volumeClaimTemplates?: Array<{ metadata: { name: string } }> })
        .volumeClaimTemplates
      volumes.push(...(claims ?? []).map(claim => claim.metadata.name))
      for (const container of pod.containers) {
        assert.deepEqual(
          container.securityContext,
          {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
          metadata.name,
        )
        assert.ok(container.resources?.requests?.cpu && container.resources.limits?.memory, metadata.name)
        for (const { name } of container.volumeMounts ?? []) assert.ok(volumes.includes(name), name)
        if (each.kind === 'Job') continue
        for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe'] as const) {
          const get = container[probe]?.httpGet
          if (!get) assert.ok(container[probe]?.exec, `${metadata.name} has no ${probe}`)
          else
            assert.ok(
              container.ports?.some(({ name }) => name === get.port),
              `${metadata.name} ${probe}`,
            )
        }
      }
    }
  })

  it('leave a gateway longer than its drain takes, and its spool to the pod that comes after', () => {
    const gateway = OURS.find(({ metadata }) => metadata.name === 'gateway')!
    const env = environment(gateway, 'production')
    const { limits } = readConfig(env, readGatewayConfig)
    const grace = podOf(gateway).terminationGracePeriodSeconds!
    assert.ok(grace * 1_000 > limits.drainDelayMs + limits.drainMs + CLOSE_SECONDS * 1_000)
    assert.equal(gateway.kind, 'StatefulSet')
    assert.match(JSON.stringify(gateway.spec), /"whenDeleted":"Retain","whenScaled":"Retain"/)
    const data = containersOf(gateway)[0]!.volumeMounts!.find(({ name }) => name === 'data')
    assert.equal(data?.mountPath, env.FLUXGATE_DATA_DIR)
  })

  it('scale gateways by streams that run, as the adapter tells them', () => {
    const text = readFileSync(join(FOLDER, 'prometheus-adapter.yaml'), 'utf8')
    const [rule] = (
      parse(text) as { rules: { custom: Array<{ seriesQuery: string; name: { as: string } }> } }
    ).rules.custom
    const scaler = ALL.find(({ kind }) => kind === 'HorizontalPodAutoscaler')
    const { metrics } = scaler!.spec as {
      metrics: Array<{ pods?: { metric: { name: string } }; resource?: { name: string } }>
    }
    assert.deepEqual([metrics[0]?.pods?.metric.name, metrics[1]?.resource?.name], [rule!.name.as, 'cpu'])
    const figures = readFileSync(join(ROOT, 'services/gateway/src/telemetry/gateway-metrics.ts'), 'utf8')
    assert.ok(figures.includes(`'${rule!.seriesQuery.split('{')[0]}'`))
    const { scaleTargetRef } = scaler!.spec as { scaleTargetRef: { kind: string; name: string } }
    assert.ok(
      OURS.some(each => each.kind === scaleTargetRef.kind && each.metadata.name === scaleTargetRef.name),
    )
  })
})

/** The environment of a workload's container under an overlay, with secrets made by the command. */
function environment(workload: Manifest, overlay: (typeof OVERLAYS)[number]): Record<string, string> {
  return environmentOf(containersOf(workload)[0]!.env ?? [], {
    config: configOf(overlay),
    secrets: secretNamed('fluxgate-secrets')!.stringData,
    fields: { 'metadata.name': `${workload.metadata.name}-0`, 'status.podIP': '10.1.2.3' },
  })
}

describe('the environment of each pod', () => {
  for (const overlay of OVERLAYS) {
    it(`is one that its code takes (${overlay})`, () => {
      for (const workload of ofOverlay(overlay).filter(isWorkload)) {
        const { name } = workload.metadata
        const [container] = containersOf(workload)
        const env = environment(workload, overlay)
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
      const env = environment(workload, 'production')
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

test('what may be lost at once is bounded: each of several has a budget', () => {
  const budgets = ALL.filter(({ kind }) => kind === 'PodDisruptionBudget').map(
    ({ metadata }) => metadata.name,
  )
  assert.deepEqual(budgets.toSorted(), ['gateway', 'guard', 'nats'])
  for (const name of budgets) {
    const workload = WORKLOADS.find(({ metadata }) => metadata.name === name)!
    assert.ok((podOf(workload).topologySpreadConstraints ?? []).length === 2, name)
  }
  for (const { metadata, spec } of OURS) {
    const { replicas } = spec as { replicas?: number }
    if (replicas !== undefined && replicas > 1) assert.ok(budgets.includes(metadata.name), metadata.name)
  }
})
