import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, test } from 'node:test'
import { readGatewayConfig } from '@fluxgate/gateway/config'
import { readConfig } from '@fluxgate/runtime'
import type { Service } from 'kubernetes-types/core/v1.js'
import { parse } from 'yaml'
import {
  containersOf,
  FOLDER,
  isWorkload,
  type Manifest,
  OVERLAYS,
  parseManifests,
  podEnvironment,
  podOf,
  readManifests,
} from './src/manifests.ts'
import { makeSecrets } from './src/secrets.ts'

const ROOT = join(FOLDER, '..', '..')
const ALL = readManifests('base', 'overlays/*')
const WORKLOADS = ALL.filter(isWorkload)
const OURS = WORKLOADS.filter(each => containersOf(each)[0]!.image === 'fluxgate')
/** After a drain: the log, and connections to close (services/gateway/src/main.ts). */
const CLOSE_SECONDS = 10

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

  it('leave a gateway longer than its drain takes, and its spool to the pod that comes after', async () => {
    const gateway = OURS.find(({ metadata }) => metadata.name === 'gateway')!
    const env = podEnvironment(gateway, 'production', await makeSecrets('api.example.com', Date.now()))
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
