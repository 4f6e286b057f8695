import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NetworkPolicy } from 'kubernetes-types/networking/v1.js'
import { isWorkload, ofOverlay } from './src/manifests.ts'

/** Who must speak with whom, and at which port; written by hand, so that a slip in the manifests is one here too. */
const SPEAKS: ReadonlyArray<readonly [from: string, to: string, port: number]> = [
  ...['gateway', 'guard', 'incident-reporter', 'projection', 'mcp', 'dashboard', 'topology'].map(
    from => [from, 'nats', 4222] as const,
  ),
  ...['gateway', 'projection', 'mcp', 'dashboard', 'migrate', 'database-users'].map(
    from => [from, 'postgres', 5432] as const,
  ),
  ['nats', 'nats', 6222],
  ['gateway', 'models', 11_434],
  ['incident-reporter', 'models', 11_434],
  ['dashboard', 'gateway', 8443],
  ['dashboard', 'gateway', 9090],
]

test('network policies allow the needed connections at both ends and no other', () => {
  const policies = ofOverlay('demo').filter(
    ({ kind }) => kind === 'NetworkPolicy',
  ) as unknown as NetworkPolicy[]
  const everything = policies.find(
    ({ spec }) => Object.keys(spec!.podSelector!).length === 0 && !spec!.egress,
  )
  assert.deepEqual(everything?.spec?.policyTypes, ['Ingress', 'Egress'])
  const appOf = (selector?: { matchLabels?: Record<string, string> }) =>
    selector?.matchLabels?.['app.kubernetes.io/name']
  const said = { ingress: [] as string[], egress: [] as string[], open: [] as string[] }
  for (const { spec } of policies) {
    const app = appOf(spec!.podSelector)
    for (const rule of spec!.ingress ?? []) {
      // From everywhere.
      if (!rule.from) said.open.push(`${app} ${rule.ports?.map(({ port }) => port)}`)
      for (const peer of rule.from ?? []) {
        const from = appOf(peer.podSelector)
        for (const { port } of rule.ports ?? []) if (from) said.ingress.push(`${from} ${app} ${port}`)
      }
    }
    for (const rule of spec!.egress ?? []) {
      for (const peer of rule.to ?? []) {
        const to = appOf(peer.podSelector)
        for (const { port } of rule.ports ?? []) if (to) said.egress.push(`${app} ${to} ${port}`)
      }
    }
  }
  const wanted = SPEAKS.map(([from, to, port]) => `${from} ${to} ${port}`).sort()
  assert.deepEqual(said.egress.sort(), wanted)
  assert.deepEqual(said.open, ['gateway 8443'])
  assert.deepEqual(
    said.ingress.sort(),
    wanted.filter(each => !each.endsWith('gateway 8443')),
  )
  for (const { metadata } of ofOverlay('demo').filter(isWorkload)) {
    assert.ok(
      policies.some(({ spec }) => appOf(spec!.podSelector) === metadata.name),
      metadata.name,
    )
  }
})
