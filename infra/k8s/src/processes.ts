import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { configOf, containersOf, environmentOf, FOLDER, isWorkload, ofOverlay } from './manifests.ts'

/** A container as a plain process: what is run, with which environment, and where it tells that it is ready. */
export interface ContainerProcess {
  readonly name: string
  readonly entry: string
  readonly env: Readonly<Record<string, string>>
  /** Absent for what ends by itself. */
  readonly probe: URL | undefined
}

export interface Deployment {
  readonly processes: readonly ContainerProcess[]
  /** Of each of the three servers of NATS. */
  readonly natsConfig: string
}

const ROOT = join(FOLDER, '..', '..')

/** The demo overlay's pods. */
export function ofKubernetes(secrets: Readonly<Record<string, string>>): Deployment {
  const processes = ofOverlay('demo')
    .filter(isWorkload)
    .filter(each => containersOf(each)[0]!.image === 'fluxgate')
    .map(each => {
      const { name } = each.metadata
      const { args, env = [], readinessProbe, ports = [] } = containersOf(each)[0]!
      const fields = { 'metadata.name': `${name}-0`, 'status.podIP': '127.0.0.1' }
      const get = readinessProbe?.httpGet
      const port = ports.find(each => each.name === get?.port)?.containerPort
      const scheme = (get?.scheme ?? 'HTTP').toLowerCase()
      return {
        name,
        entry: args![0]!,
        env: environmentOf(env, { config: configOf('demo'), secrets, fields }),
        probe: get && new URL(`${scheme}://127.0.0.1:${port}${get.path}`),
      }
    })
  return { processes, natsConfig: readFileSync(join(FOLDER, 'base', 'nats-server.conf'), 'utf8') }
}

interface ComposeFile {
  readonly services: Readonly<
    Record<
      string,
      {
        readonly build?: object
        readonly command?: readonly string[]
        readonly entrypoint?: readonly string[]
        readonly environment?: Readonly<Record<string, string>>
        readonly healthcheck?: { readonly test: readonly string[] }
      }
    >
  >
  readonly configs: { readonly nats: { readonly file: string } }
}

/** The containers of docker-compose.yml that are ours, under the profile `demo`. */
export function ofCompose(secrets: Readonly<Record<string, string>>): Deployment {
  const text = readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8')
  // `$${…}` is none of these; the file has none.
  const said = text.replaceAll(
    /\$\{(\w+)(?::[?-]([^}]*))?\}/g,
    (_, name, other) => secrets[name] ?? other ?? '',
  )
  const { services, configs } = parse(said, { merge: true }) as ComposeFile
  const processes = Object.entries(services)
    // Those that copy a file between volumes are no commands of ours.
    .filter(([, { entrypoint }]) => entrypoint === undefined)
    .filter(([, { build }]) => build !== undefined)
    .map(([name, { command, environment = {}, healthcheck }]) => ({
      name,
      entry: command![0]!,
      env: environment,
      probe: healthcheck && new URL(healthcheck.test.at(-1)!),
    }))
  return { processes, natsConfig: readFileSync(join(ROOT, configs.nats.file), 'utf8') }
}
