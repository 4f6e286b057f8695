import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Deployment, StatefulSet } from 'kubernetes-types/apps/v1.js'
import type { Job } from 'kubernetes-types/batch/v1.js'
import type { Container, EnvVar, PodSpec } from 'kubernetes-types/core/v1.js'
import { parse, parseAllDocuments } from 'yaml'
import type { Secret } from './secrets.ts'

export const FOLDER = join(import.meta.dirname, '..')
export const OVERLAYS = ['demo', 'production'] as const
export type Overlay = (typeof OVERLAYS)[number]

export interface Manifest {
  readonly file: string
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> }
  readonly spec?: object
}

export type Workload = (Deployment | StatefulSet | Job) & Manifest

/** All objects of these files, by hand and before any overlay. */
export function readManifests(...folders: readonly string[]): Manifest[] {
  const files = folders.flatMap(folder => globSync(`${folder}/*.yaml`, { cwd: FOLDER })).sort()
  return files
    .filter(file => !file.endsWith('kustomization.yaml'))
    .flatMap(file => parseManifests(readFileSync(join(FOLDER, file), 'utf8'), file))
}

export function parseManifests(text: string, file: string): Manifest[] {
  return parseAllDocuments(text).map(document => {
    if (document.errors.length > 0) throw new Error(`${file}: ${document.errors[0]}`)
    return { file, ...(document.toJS() as Omit<Manifest, 'file'>) }
  })
}

export const ofOverlay = (overlay: Overlay) => readManifests('base', `overlays/${overlay}`)

export function isWorkload(manifest: Manifest): manifest is Workload {
  return ['Deployment', 'StatefulSet', 'Job'].includes(manifest.kind)
}

export function podOf(manifest: Manifest): PodSpec {
  const { template } = manifest.spec as { template: { spec: PodSpec } }
  return template.spec
}

export const containersOf = (manifest: Manifest): Container[] => podOf(manifest).containers

/** What an overlay says in `fluxgate-config`. */
export function configOf(overlay: Overlay): Map<string, string> {
  const text = readFileSync(join(FOLDER, 'overlays', overlay, 'kustomization.yaml'), 'utf8')
  const { configMapGenerator } = parse(text) as { configMapGenerator: Array<{ literals: string[] }> }
  return new Map(
    configMapGenerator[0]!.literals.map(literal => {
      const at = literal.indexOf('=')
      return [literal.slice(0, at), literal.slice(at + 1)]
    }),
  )
}

export interface Sources {
  readonly config: ReadonlyMap<string, string>
  readonly secrets: Readonly<Record<string, string>>
  /** Of fields such as `metadata.name`. */
  readonly fields: Readonly<Record<string, string>>
}

/** The environment that the kubelet gives a container: references looked up, `$(NAME)` of earlier variables put in. */
export function environmentOf(variables: readonly EnvVar[], sources: Sources): Record<string, string> {
  const found: Record<string, string> = {}
  for (const { name, value, valueFrom } of variables) {
    const { secretKeyRef, configMapKeyRef, fieldRef } = valueFrom ?? {}
    const raw =
      value ??
      (secretKeyRef && sources.secrets[secretKeyRef.key]) ??
      (configMapKeyRef && sources.config.get(configMapKeyRef.key)) ??
      (fieldRef && sources.fields[fieldRef.fieldPath])
    if (raw === undefined) throw new Error(`${name} refers to what is not there`)
    found[name] = raw.replaceAll(/\$\((\w+)\)/g, (_, earlier: string) => {
      const said = found[earlier]
      if (said === undefined) throw new Error(`${name} uses ${earlier}, which is not said before it`)
      return said
    })
  }
  return found
}

/** The environment of a workload's container under an overlay, with secrets made by the command. */
export function podEnvironment(
  workload: Manifest,
  overlay: (typeof OVERLAYS)[number],
  secrets: readonly Secret[],
): Record<string, string> {
  return environmentOf(containersOf(workload)[0]!.env ?? [], {
    config: configOf(overlay),
    secrets: secrets.find(({ metadata }) => metadata.name === 'fluxgate-secrets')!.stringData,
    fields: { 'metadata.name': `${workload.metadata.name}-0`, 'status.podIP': '10.1.2.3' },
  })
}
